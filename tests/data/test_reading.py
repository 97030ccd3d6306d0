"""Transforms around mmdet's own, as its pipelines really run them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mmengine.dataset import Compose

import recycle.models  # noqa: F401 - mmdet may not be imported before it
from recycle.data.image_cache import ImageCache
from recycle.data.reading import ReadImage, lay_out_mirrored, measure_from_original
from tests.data.small_dataset import noise

WIDTH, HEIGHT = 403, 301
BOX = [40.0, 30.0, 200.0, 150.0]
ANNOTATE = {"type": "mmdet.LoadAnnotations", "with_bbox": True, "with_mask": True}
PACK = {"type": "mmdet.PackDetInputs"}


def resize(side: int) -> dict[str, Any]:
    return {"type": "mmdet.Resize", "scale": (side, side), "keep_ratio": True}


@pytest.fixture
def sample(tmp_path: Path) -> dict[str, Any]:
    noise(1, WIDTH, HEIGHT).save(tmp_path / "a.jpg")
    x1, y1, x2, y2 = BOX
    mask = [[x1, y1, x2, y1, x2, y2, x1, y2]]
    return {
        "img_path": str(tmp_path / "a.jpg"),
        "img_id": 7,
        "width": WIDTH,
        "height": HEIGHT,
        "instances": [{"bbox": BOX, "bbox_label": 1, "ignore_flag": 0, "mask": mask}],
    }


@pytest.mark.parametrize("longest_side", [100, 150, 1000])
def test_annotations_fit_the_shrunk_image(sample: dict[str, Any], longest_side: int) -> None:
    packed = Compose([ReadImage(ImageCache(), longest_side), ANNOTATE, resize(100), PACK])(sample)
    truth = packed["data_samples"].gt_instances
    expected = np.array(BOX) * 100 / WIDTH
    np.testing.assert_allclose(truth.bboxes.tensor[0], expected, atol=0.2)
    assert packed["inputs"].shape == (3, 75, 100)
    assert truth.masks.masks.shape == (1, 75, 100)
    rows, columns = np.nonzero(truth.masks.masks[0])
    extent = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    np.testing.assert_allclose(extent, expected, atol=1.5)
    assert sample["instances"][0]["bbox"] == BOX


@pytest.mark.parametrize("longest_side", [60, 100, 150, 1000])
def test_predictions_come_in_pixels_of_the_original(sample: dict[str, Any], longest_side: int) -> None:
    """The scale factor is what mmdet's heads divide their boxes by."""
    pipeline = [ReadImage(ImageCache(), longest_side), ANNOTATE, resize(100), measure_from_original, PACK]
    packed = Compose(pipeline)(sample)
    data = packed["data_samples"]
    assert data.ori_shape == (HEIGHT, WIDTH)
    factor = np.tile(data.scale_factor, 2)
    np.testing.assert_allclose(data.gt_instances.bboxes.tensor[0].numpy() / factor, BOX, rtol=1e-5)
    np.testing.assert_allclose(np.array([WIDTH, HEIGHT]) * data.scale_factor, data.img_shape[::-1])


@pytest.mark.parametrize("direction", ["horizontal", "vertical", "diagonal"])
def test_a_mirrored_image_is_laid_out_and_looks_the_same(sample: dict[str, Any], direction: str) -> None:
    flip = {"type": "mmdet.RandomFlip", "prob": 1.0, "direction": direction}
    mirrored = Compose([ReadImage(ImageCache(), 100), flip])(sample)
    laid_out = lay_out_mirrored(mirrored)
    np.testing.assert_array_equal(laid_out["img"], mirrored["img"])
    assert laid_out["img"].flags.c_contiguous or direction == "vertical"
    assert laid_out["flip_direction"] == direction


def test_an_image_that_is_not_mirrored_is_left_alone(sample: dict[str, Any]) -> None:
    read = ReadImage(ImageCache(), 100)(sample)
    assert lay_out_mirrored(read) is read
