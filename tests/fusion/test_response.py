from dataclasses import replace
from typing import Any

from recycle.fusion.methods import FusionSettings
from recycle.fusion.response import respond
from recycle.fusion.settings import DEFAULTS, IOU_THR_RANGE, SKIP_BOX_THR_RANGE, EnsembleSettings
from tests.fusion.scenes import random_objective

CHOSEN = EnsembleSettings(FusionSettings(0.47, 0.013, (2, 1, 0), "max"))


def test_each_threshold_is_varied_alone() -> None:
    objective = random_objective()
    responses = respond(objective, CHOSEN)
    assert list(responses) == ["iou_thr", "skip_box_thr"]
    for name, response in responses.items():
        for place in (0, 5, -1):
            changed: dict[str, Any] = {name: response.values[place]}
            assert response.scores[place] == objective(replace(CHOSEN, fusion=replace(CHOSEN.fusion, **changed)))


def test_curves_span_the_search_and_pass_through_the_chosen_value() -> None:
    objective = random_objective()
    for name, limits in (("iou_thr", IOU_THR_RANGE), ("skip_box_thr", SKIP_BOX_THR_RANGE)):
        response = respond(objective, CHOSEN)[name]
        assert (response.values[0], response.values[-1]) == limits
        assert list(response.values) == sorted(set(response.values))
        chosen = response.values.index(getattr(CHOSEN.fusion, name))
        assert response.scores[chosen] == objective(CHOSEN)
        assert len(response.values) == 12


def test_a_value_of_the_grid_is_not_doubled() -> None:
    assert len(respond(random_objective(), DEFAULTS)["iou_thr"].values) == 11
