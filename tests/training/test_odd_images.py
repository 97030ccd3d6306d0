"""Photographs of every mode, orientation and shape: named where they cannot be read, and trained on where they can."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recycle.data.coco import Dataset
from recycle.data.validation import load_dataset
from recycle.errors import DataError
from recycle.inference.predict import predict
from recycle.training.member import MemberTask
from recycle.training.train import load_member, train_member
from tests.data.odd_images import write_odd_images
from tests.training.conformance import ADAMW, parse_model
from tests.training.test_openmmlab import MASK_RCNN

BROKEN = {
    "truncated.jpg": "image_truncated",
    "corrupt.jpg": "image_unreadable",
    "page.jpg": "image_unreadable",
    "empty.png": "image_unreadable",
    "floats.tif": "image_unreadable",
    "missing.jpg": "image_missing",
}
YOLO = {"family": "yolov5", "size": "tiny", "image_size": 96}
EVERYTHING = {
    "epochs": 1,
    "batch_size": 4,
    "optimizer": ADAMW,
    "augmentations": [
        {"type": "vertical_flip"},
        {"type": "resize", "min_factor": 0.5, "max_factor": 1.5},
        {"type": "horizontal_flip"},
        {"type": "colour"},
    ],
    "multi_scale": {"min": 0.5, "max": 1.5},
    "tta": {"views": [{"scale": 1.0}, {"scale": 0.5, "flip": "both"}]},
}


@pytest.fixture
def readable(tmp_path: Path) -> Dataset:
    annotations = write_odd_images(tmp_path / "odd")
    return load_dataset(annotations, annotations.parent, repairs=["drop_broken_images"]).dataset


def test_the_report_names_what_cannot_be_read_and_nothing_else(tmp_path: Path) -> None:
    annotations = write_odd_images(tmp_path)
    report = load_dataset(annotations, tmp_path).report
    assert {error.file: error.rule for error in report.errors} == BROKEN
    with pytest.raises(DataError, match=r"(?s)the data set has 6 errors.*missing\.jpg"):
        report.raise_on_errors()
    assert report.counts()["image_rotated"] == 1


@pytest.mark.training
@pytest.mark.parametrize("family", [YOLO, MASK_RCNN], ids=["yolov5", "mask_rcnn_swin"])
def test_what_can_be_read_trains_and_is_predicted(readable: Dataset, tmp_path: Path, family: Mapping[str, Any]) -> None:
    assert len(readable.images) == 12
    settings = parse_model({"name": "model", **EVERYTHING, **family})
    task = MemberTask("member", settings, readable, readable.subset([]), tmp_path / "member", seed=1)
    losses: list[float] = []
    train_member(task, lambda progress: losses.append(progress.loss))
    assert np.isfinite(losses).all()
    predictions = predict(load_member(task), readable, settings)
    assert predictions.coverage[0].tolist() == [image.id for image in readable.images]
    sizes = {image.id: (image.width, image.height) for image in readable.images}
    limits = np.array([sizes[image_id] for image_id in predictions.image_ids])
    assert (predictions.boxes[:, 2:] <= limits).all()
