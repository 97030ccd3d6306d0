from typing import Any

import pytest
from pydantic import ValidationError

from recycle.recipe import TTA, View


@pytest.mark.parametrize(
    ("settings", "views"),
    [
        ({}, [(1.0, "none")]),
        ({"scales": [1.0, 1.5]}, [(1.0, "none"), (1.5, "none")]),
        (
            {"scales": [1, 1.5], "flips": ["none", "vertical"]},
            [(1.0, "none"), (1.0, "vertical"), (1.5, "none"), (1.5, "vertical")],
        ),
        ({"views": [{"scale": 1.33}, {"scale": 1.17, "flip": "horizontal"}]}, [(1.33, "none"), (1.17, "horizontal")]),
        ({"views": [{"flip": "both"}]}, [(1.0, "both")]),
    ],
)
def test_views(settings: dict[str, Any], views: list[tuple[float, str]]) -> None:
    assert [(view.scale, view.flip) for view in TTA.model_validate(settings).all_views()] == views


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"views": [{}], "scales": [2.0]}, "views must not stand beside scales or flips"),
        ({"views": [{}], "flips": ["both"]}, "views must not stand beside scales or flips"),
        ({"views": [{}, {"scale": 1.0}]}, "views must differ, but scale=1.0, flip='none' is repeated"),
        ({"flips": ["none", "both", "both"]}, "views must differ, but scale=1.0, flip='both' is repeated"),
        ({"scales": []}, "at least 1 item"),
        ({"scales": [0.0]}, "greater than 0"),
        ({"scales": [5.0]}, "less than or equal to 4"),
        ({"flips": ["sideways"]}, "'none', 'horizontal', 'vertical' or 'both'"),
        ({"merge": "mean"}, "'wbf' or 'nms'"),
        ({"iou_thr": 1.5}, "less than or equal to 1"),
        ({"angle": 90}, "Extra inputs are not permitted"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TTA.model_validate(settings)


def test_what_is_written_reads_back() -> None:
    settings = TTA(views=(View(scale=0.67), View(flip="vertical")), merge="nms")
    assert TTA.model_validate(settings.model_dump(mode="json")) == settings
