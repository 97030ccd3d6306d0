from collections.abc import Sequence
from functools import partial
from typing import Any, get_args

import optuna
import pytest

from recycle.fusion.methods import Method
from recycle.fusion.settings import (
    DEFAULTS,
    HAND_TUNED,
    IOU_THR_RANGE,
    SKIP_BOX_THR_RANGE,
    EnsembleSettings,
    parameters_of,
    settings_of,
)
from search_spaces.fusion import space

MODELS = ("a", "b", "c")


def suggested(
    count: int = 60, models: Sequence[str] = MODELS, methods: Sequence[Method] = get_args(Method)
) -> list[dict[str, Any]]:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    trials = [study.ask() for _ in range(count)]
    constants = [space(trial, models, methods) for trial in trials]
    return [{**trial.params, **constant} for trial, constant in zip(trials, constants, strict=True)]


def test_every_suggestion_makes_settings_within_the_ranges() -> None:
    for parameters in suggested():
        fusion = settings_of(parameters, MODELS).fusion
        assert IOU_THR_RANGE[0] <= fusion.iou_thr <= IOU_THR_RANGE[1]
        assert SKIP_BOX_THR_RANGE[0] <= fusion.skip_box_thr <= SKIP_BOX_THR_RANGE[1]
        assert set(fusion.weights) <= {0, 1, 2, 3, 4}


def test_everything_is_tried() -> None:
    every = [settings_of(parameters, MODELS) for parameters in suggested()]
    assert {one.fusion.method for one in every} == set(get_args(Method))
    assert len({one.fusion.conf_type for one in every}) == 4
    assert {one.calibration for one in every} == {"none", "isotonic", "temperature"}
    for model in MODELS:
        assert {0.0, 1.0, 4.0} <= {one.weight_of(MODELS)[model] for one in every}


def test_only_weighted_boxes_fusion_has_a_kind_of_confidence() -> None:
    for parameters in suggested():
        assert ("conf_type" in parameters) == (parameters["method"] == "wbf")


def test_what_leaves_no_choice_is_no_parameter() -> None:
    study = optuna.create_study()
    trial = study.ask()
    assert space(trial, ["only"]) == {"method": "wbf"}
    assert set(trial.params) == {"conf_type", "iou_thr", "skip_box_thr", "calibration"}
    assert space(study.ask(), MODELS, ["wbf", "nms"]) == {}


@pytest.mark.parametrize("methods", [("wbf",), ("nms", "wbf")])
@pytest.mark.parametrize("settings", [DEFAULTS, HAND_TUNED, DEFAULTS.with_models(["b"], MODELS)])
def test_a_study_can_begin_with_settings(methods: tuple[Method, ...], settings: EnsembleSettings) -> None:
    study = optuna.create_study()
    study.enqueue_trial(parameters_of(settings, MODELS))
    trial = study.ask()
    constants = partial(space, models=MODELS, methods=methods)(trial)
    assert settings_of({**trial.params, **constants}, MODELS) == settings
