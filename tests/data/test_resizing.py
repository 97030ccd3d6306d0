"""Images fitted to a square, with their boxes and masks."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from mmengine.dataset import Compose

import recycle.models  # noqa: F401 - mmdet may not be imported before it
from recycle.data import resizing  # noqa: F401 - registers `FitSquare`

side = st.integers(1, 160)


def fit(smallest: int, largest: int | None = None) -> dict[str, Any]:
    return {"type": "FitSquare", "smallest": smallest, "largest": largest or smallest}


def annotated(width: int, height: int) -> dict[str, Any]:
    """An image of noise whose right half is an object."""
    from mmdet.structures.bbox import HorizontalBoxes  # not before recycle has supplied mmcv's operators
    from mmdet.structures.mask import BitmapMasks

    mask = np.zeros((1, height, width), np.uint8)
    mask[:, :, width // 2 :] = 1
    return {
        "img": np.random.default_rng(width).integers(0, 256, (height, width, 3), np.uint8),
        "gt_bboxes": HorizontalBoxes(torch.tensor([[width // 2, 0, width, height]], dtype=torch.float32)),
        "gt_masks": BitmapMasks(mask, height, width),
    }


@given(side, side, st.integers(32, 200))
def test_everything_is_scaled_as_mmdet_does(width: int, height: int, image_size: int) -> None:
    assume(min(width, height) * image_size >= max(width, height))  # mmdet fails where a side would vanish
    theirs = {"type": "mmdet.Resize", "scale": (image_size, image_size), "keep_ratio": True}
    ours, expected = (Compose([transform])(annotated(width, height)) for transform in (fit(image_size), theirs))
    np.testing.assert_array_equal(ours["img"], expected["img"])
    np.testing.assert_array_equal(ours["gt_masks"].masks, expected["gt_masks"].masks)
    torch.testing.assert_close(ours["gt_bboxes"].tensor, expected["gt_bboxes"].tensor)
    assert ours["img_shape"] == expected["img_shape"]
    assert ours["scale_factor"] == expected["scale_factor"]


@pytest.mark.parametrize(
    ("size", "fitted"),
    [((20_000, 20), (1, 96)), ((1, 30_000), (96, 1)), ((1, 1), (96, 96)), ((300, 200), (64, 96))],
)
def test_no_side_is_less_than_a_pixel(size: tuple[int, int], fitted: tuple[int, int]) -> None:
    results = Compose([fit(96)])(annotated(*size))
    assert results["img"].shape == (*fitted, 3)
    assert results["img_shape"] == results["gt_masks"].masks.shape[1:] == fitted
    box = results["gt_bboxes"].tensor[0].tolist()
    assert box == pytest.approx([size[0] // 2 * fitted[1] / size[0], 0, fitted[1], fitted[0]], rel=1e-5)


def test_every_length_of_the_range_is_drawn() -> None:
    transform = Compose([fit(20, 24)])
    np.random.seed(0)
    assert {transform(annotated(48, 32))["img_shape"][1] for _ in range(100)} == set(range(20, 25))


def test_where_there_is_no_range_nothing_is_drawn() -> None:
    np.random.seed(3)
    expected = np.random.random()
    np.random.seed(3)
    Compose([fit(96)])(annotated(48, 32))
    assert np.random.random() == expected
