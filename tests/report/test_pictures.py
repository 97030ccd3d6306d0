import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recycle.report.pictures import class_colour, draw_boxes, side_by_side

RED = (0, 0, 255)


def grey(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), 128, np.uint8)


def test_class_colours_differ_and_stay_the_same() -> None:
    colours = [class_colour(label) for label in range(20)]
    assert colours == [class_colour(label) for label in range(20)]
    distances = [np.abs(np.subtract(a, b)).sum() for n, a in enumerate(colours) for b in colours[:n]]
    assert min(distances) > 30


def test_a_box_is_drawn_in_its_colour_on_a_copy() -> None:
    image = grey(100, 100)
    drawn = draw_boxes(image, np.array([[20, 30, 60.4, 79.6]]), ["can"], [RED])

    assert np.all(image == 128)
    assert drawn.shape == image.shape
    for x, y in ((20, 50), (59, 50), (40, 79), (40, 30)):
        assert tuple(drawn[y, x]) == RED
    assert tuple(drawn[50, 40]) == tuple(drawn[90, 90]) == (128, 128, 128)
    assert tuple(drawn[20, 20]) == RED, "the ground of the text is above the box"
    assert len(np.unique(drawn[16:30, 20:40].reshape(-1, 3), axis=0)) > 2, "the text itself"


def test_no_boxes_leave_the_image_as_it_is() -> None:
    image = grey(10, 20)
    assert np.array_equal(draw_boxes(image, np.zeros((0, 4), np.float32), [], []), image)


def test_unequal_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="boxes=1, texts=2, colours=1"):
        draw_boxes(grey(10, 10), np.array([[0, 0, 5, 5]]), ["a", "b"], [RED])


@pytest.mark.parametrize(
    "text", ["", "비닐봉지", "🔋 battery", "زجاج", "e\u0301", "two\nlines", "a" * 300, "\u200b\x00"]
)
def test_any_text_can_be_written(text: str) -> None:
    drawn = draw_boxes(grey(40, 60), np.array([[5, 20, 30, 35]]), [text], [RED])
    assert drawn.shape == (40, 60, 3)
    assert tuple(drawn[34, 20]) == RED


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=20), st.tuples(*[st.floats(-500, 500)] * 4))
def test_boxes_anywhere_can_be_drawn(text: str, box: tuple[float, float, float, float]) -> None:
    assert draw_boxes(grey(30, 40), np.array([box]), [text], [RED]).shape == (30, 40, 3)


def test_side_by_side_keeps_both_pictures_and_fills_up_the_lower_one() -> None:
    left, right = grey(30, 50), np.zeros((20, 60, 3), np.uint8)
    both = side_by_side(left, right, ("truth", "모델"))
    top = both.shape[0] - 30

    assert np.array_equal(both[top:, :50], left)
    assert np.array_equal(both[top : top + 20, -60:], right)
    assert np.all(both[top + 20 :, -60:] == 255)
    assert both[:top, :50].min() < 128, "a title is written"
