from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recycle.data.objects import Objects, join


def objects(boxes: list[list[float]], masks: Any = None, ignored: list[bool] | None = None) -> Objects:
    return Objects(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.arange(len(boxes)),
        np.array(ignored or [False] * len(boxes), np.bool_),
        None if masks is None else np.array(masks, np.uint8),
    )


def mask(height: int, width: int, *boxes: tuple[int, int, int, int]) -> npt.NDArray[np.uint8]:
    """Ones in these boxes, x1, y1, x2, y2."""
    pixels = np.zeros((height, width), np.uint8)
    for x1, y1, x2, y2 in boxes:
        pixels[y1:y2, x1:x2] = 1
    return pixels


ELL = mask(20, 20, (0, 0, 4, 20), (0, 16, 20, 20))
"""An L of 144 pixels whose box is the whole image."""


@pytest.mark.parametrize(
    ("window", "min_visible", "box"),
    [
        ((0, 0, 20, 20), 1.0, [0, 0, 20, 20]),
        ((0, 0, 10, 20), 0.5, [0, 0, 10, 20]),
        ((2, 2, 20, 10), 0.1, [0, 0, 2, 8]),  # 16 pixels of the upright: 11 %
        ((2, 2, 20, 10), 0.12, None),
        ((4, 0, 20, 16), 0.0, None),  # nothing of the L, though more than half of its box
    ],
)
def test_masks_tell_what_is_visible_and_boxes_are_their_extents(
    window: tuple[int, int, int, int], min_visible: float, box: list[float] | None
) -> None:
    cut = objects([[0, 0, 20, 20]], [ELL]).cut(*window, min_visible)
    assert cut.boxes.tolist() == ([] if box is None else [box])
    assert cut.masks is not None
    assert cut.masks.shape[1:] == (window[3] - window[1], window[2] - window[0])


@pytest.mark.parametrize(
    ("min_visible", "ignored", "box"),
    [
        (0.25, False, [5.5, 5, 10, 10]),
        (0.3, False, None),
        (0.3, True, [5.5, 5, 10, 10]),  # a region to be ignored stays one
        (0.0, False, [5.5, 5, 10, 10]),
    ],
)
def test_without_masks_boxes_tell_what_is_visible(min_visible: float, ignored: bool, box: list[float] | None) -> None:
    cut = objects([[5.5, 5, 14.5, 15], [20, 20, 30, 30]], ignored=[ignored, ignored]).cut(0, 0, 10, 10, min_visible)
    assert cut.boxes.tolist() == ([] if box is None else [box])


def test_labels_and_flags_stay_with_their_objects() -> None:
    held = objects([[0, 0, 4, 4], [50, 50, 60, 60], [6, 6, 9, 9]], ignored=[False, False, True])
    cut = held.cut(0, 0, 20, 20, 0.5)
    assert cut.labels.tolist() == [0, 2]
    assert cut.ignored.tolist() == [False, True]


def test_placed_objects_move_with_their_image() -> None:
    placed = objects([[1, 2, 3, 4]], [mask(5, 6, (1, 2, 3, 4))]).placed(10, 20, 40, 30)
    assert placed.boxes.tolist() == [[11, 22, 13, 24]]
    assert placed.masks is not None
    assert np.array_equal(placed.masks[0], mask(40, 30, (11, 22, 13, 24)))


def test_joined_objects_are_in_order() -> None:
    masks = [mask(4, 4, (0, 0, 1, 1)), mask(4, 4, (1, 1, 2, 2))]
    joined = join(
        [objects([[0, 0, 1, 1]], masks[:1]), objects([], np.zeros((0, 4, 4))), objects([[1, 1, 2, 2]], masks[1:])]
    )
    assert joined.boxes.tolist() == [[0, 0, 1, 1], [1, 1, 2, 2]]
    assert joined.masks is not None
    assert np.array_equal(joined.masks, np.stack(masks))
    assert join([objects([]), objects([[0, 0, 1, 1]])]).masks is None


sides = st.integers(0, 12)


@given(
    corners=st.lists(st.tuples(sides, sides, sides, sides), max_size=4),
    window=st.tuples(sides, sides, st.integers(1, 8), st.integers(1, 8)),
    min_visible=st.floats(0, 1),
)
def test_what_is_kept_shows_enough_and_what_is_dropped_too_little(
    corners: list[tuple[int, int, int, int]], window: tuple[int, int, int, int], min_visible: float
) -> None:
    boxes = [[float(min(a, c)), float(min(b, d)), float(max(a, c)) + 1, float(max(b, d)) + 1] for a, b, c, d in corners]
    masks = np.array([mask(20, 20, tuple(map(int, box))) for box in boxes], np.uint8).reshape(-1, 20, 20)  # type: ignore[arg-type]
    left, top, width, height = window
    for held in (objects(boxes), objects(boxes, masks)):
        cut = held.cut(left, top, left + width, top + height, min_visible)
        seen = masks[:, top : top + height, left : left + width].sum(axis=(1, 2))
        whole = masks.sum(axis=(1, 2))
        assert cut.labels.tolist() == [
            i for i in range(len(boxes)) if seen[i] > 0 and seen[i] >= min_visible * whole[i]
        ]
        assert cut.areas().tolist() == seen[cut.labels].tolist()
        assert (cut.boxes[:, :2] >= 0).all()
        assert (cut.boxes[:, 2:] <= [width, height]).all()
