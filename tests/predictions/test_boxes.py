from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from recycle.predictions.boxes import clip_xyxy, has_area, xywh_to_xyxy, xyxy_to_xywh

# Eighths are exact in float32, so the conversions must invert each other exactly.
EIGHTHS = st.integers(-80_000, 80_000).map(lambda eighths: eighths / 8)
BOXES = hnp.arrays(np.float32, st.tuples(st.integers(0, 8), st.just(4)), elements=EIGHTHS)


@given(BOXES)
def test_conversions_invert_each_other(boxes: npt.NDArray[np.float32]) -> None:
    np.testing.assert_array_equal(xyxy_to_xywh(xywh_to_xyxy(boxes)), boxes)
    np.testing.assert_array_equal(xywh_to_xyxy(xyxy_to_xywh(boxes)), boxes)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_conversions_keep_the_type_and_the_argument(dtype: Any) -> None:
    boxes = np.array([[10, 20, 3, 4]], dtype)
    corners = xywh_to_xyxy(boxes)
    assert corners.dtype == dtype
    assert corners.tolist() == [[10, 20, 13, 24]]
    assert boxes.tolist() == [[10, 20, 3, 4]]


@given(BOXES, st.integers(1, 2000), st.integers(1, 2000))
def test_clipped_boxes_lie_within_and_clip_once(boxes: npt.NDArray[np.float32], width: int, height: int) -> None:
    clipped = clip_xyxy(boxes, width, height)
    assert clipped.dtype == np.float32
    assert np.all(clipped >= 0)
    assert np.all(clipped <= [width, height, width, height])
    np.testing.assert_array_equal(clip_xyxy(clipped, width, height), clipped)
    inside = (boxes >= 0) & (boxes <= [width, height, width, height])
    np.testing.assert_array_equal(clipped[inside], boxes[inside])


def test_each_box_can_have_its_own_image_size() -> None:
    boxes = np.array([[0, 0, 50, 50], [0, 0, 50, 50]], np.float32)
    clipped = clip_xyxy(boxes, np.array([10, 20]), np.array([30, 60]))
    assert clipped.tolist() == [[0, 0, 10, 30], [0, 0, 20, 50]]


@pytest.mark.parametrize(
    ("box", "expected"),
    [([0, 0, 1, 1], True), ([1, 0, 1, 1], False), ([0, 1, 1, 1], False), ([2, 0, 1, 1], False), ([0, 2, 1, 1], False)],
)
def test_has_area(box: list[float], expected: bool) -> None:
    assert has_area(np.array([box], np.float32)).tolist() == [expected]
