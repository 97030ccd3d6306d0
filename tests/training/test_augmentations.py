"""Detectors that really train on mixed, cut and bent images, at tiny size."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from recycle.data.coco import Dataset
from recycle.inference.predict import predict
from recycle.models.checkpoints import load_checkpoint
from recycle.training.progress import Progress
from recycle.training.train import load_member, train_member
from tests.training.conformance import ignore, task_maker
from tests.training.test_openmmlab import CASCADE_RCNN, MASK_RCNN

pytestmark = pytest.mark.training

YOLO = {"family": "yolov5", "size": "tiny", "image_size": 64}
PHASES: list[Mapping[str, Any]] = [
    {
        "epochs": 2,
        "augmentations": [
            {"type": "random_crop", "keep_objects": True},
            {"type": "resize", "min_factor": 0.8, "max_factor": 1.2},
            {"type": "mosaic", "probability": 0.7},
            {"type": "mixup", "alpha": 8},
            {"type": "rotate_90"},
            {"type": "shift_scale_rotate"},
            {"type": "optical_distortion"},
            *({"type": name, "probability": 0.3} for name in ("clahe", "gauss_noise", "motion_blur", "rgb_shift")),
        ],
    },
    {"epochs": 1},
]


@pytest.mark.parametrize("family", [YOLO, MASK_RCNN, CASCADE_RCNN], ids=lambda family: family["family"])
def test_a_detector_trains_on_everything_and_then_on_plain_images(
    sample: Dataset, tmp_path: Path, family: Mapping[str, Any]
) -> None:
    reports: list[Progress] = []
    task = task_maker(sample, tmp_path, family)(epochs=3, phases=PHASES)
    train_member(task, reports.append)
    assert reports[-1].step == 6
    assert all(report.loss > 0 for report in reports)
    predictions = predict(load_member(task), task.validation, task.settings)
    assert predictions.coverage[0].tolist() == [image.id for image in task.validation.images]


def test_what_is_learned_does_not_depend_on_worker_processes(sample: Dataset, tmp_path: Path) -> None:
    make = task_maker(sample, tmp_path, YOLO)
    states = []
    for cpus in (1, 2):
        task = make(f"on-{cpus}", epochs=2, phases=PHASES[:1], resources={"num_cpus": cpus})
        train_member(task, ignore)
        states.append(load_checkpoint(task.last_checkpoint)["state_dict"])
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


@pytest.mark.parametrize("family", [YOLO, MASK_RCNN], ids=lambda family: family["family"])
def test_images_that_augmentations_leave_without_objects_train(
    sample: Dataset, tmp_path: Path, family: Mapping[str, Any]
) -> None:
    tiny = {"type": "random_crop", "probability": 1, "min_size": 0.05, "max_size": 0.1, "min_visible": 1}
    task = task_maker(sample, tmp_path, family)(epochs=1, augmentations=[{"type": "resize"}, tiny])
    train_member(replace(task, validation=task.validation.subset([])), ignore)
    assert task.last_checkpoint.is_file()
