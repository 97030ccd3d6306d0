"""Losses from the recipe in real training steps of each kind of detector; their values are tested with the models."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from recycle.data.coco import Dataset
from recycle.training.progress import Progress
from recycle.training.train import train_member
from tests.training.conformance import task_maker
from tests.training.test_openmmlab import ATSS, CASCADE_RCNN, DINO, MASK_RCNN

pytestmark = pytest.mark.training

YOLO = {"family": "yolov5", "size": "tiny", "image_size": 96}
ONE_A_STAGE = [{"type": "label_smoothing"}, {"type": "cross_entropy"}, {"type": "focal"}]


@pytest.mark.parametrize(
    ("family", "losses"),
    [
        (CASCADE_RCNN, {"classification": ONE_A_STAGE, "box": "ciou", "balance_classes": True}),
        (CASCADE_RCNN, {"classification": [{"type": "soft_cross_entropy"}], "box": "l1"}),
        ({**MASK_RCNN, "cascade": True, "backbone": "efficientnet_lite0"}, {"classification": ONE_A_STAGE}),
        ({**MASK_RCNN, "backbone": "efficientnet_lite0"}, {"box": "giou", "class_weights": {"Battery": 9}}),
        (ATSS, {"classification": [{"type": "focal", "gamma": 1.5}], "box": "ciou"}),
        (DINO, {"box": "ciou", "class_weights": {"Battery": 9}}),
        (YOLO, {"classification": [{"type": "focal"}], "balance_classes": True}),
    ],
    ids=lambda value: value["family"] if "family" in value else "-".join(value),
)
def test_families_train_with_other_losses(
    sample: Dataset, tmp_path: Path, family: Mapping[str, Any], losses: Mapping[str, Any]
) -> None:
    def losses_with(**changes: object) -> list[float]:
        reported: list[Progress] = []
        name = "with" if changes else "without"
        task = task_maker(sample, tmp_path, family)(name, epochs=1, batch_size=8, validate_every=1, **changes)
        train_member(task, reported.append)
        return [progress.loss for progress in reported]

    changed = losses_with(losses=losses)
    assert all(map(math.isfinite, changed))
    assert changed != losses_with()
