import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recycle.errors import DataError
from recycle.predictions.found_boxes import FoundBoxes, fit_to_images

SIZES = {"a.jpg": (100, 50), "b.jpg": (512, 512)}


def found(*rows: list[float], image: str = "a.jpg") -> FoundBoxes:
    return FoundBoxes(
        source="f.csv",
        format="CSV",
        images=(image,),
        lists_all=True,
        values=np.array(rows, np.float64).reshape(-1, 6),
        positions=np.zeros(len(rows), np.int64),
        places=np.arange(7, 7 + len(rows)),
        unit="line",
    )


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([float("nan"), 0.5, 1, 1, 2, 2], "label must be finite, but got label=nan"),
        ([0, float("nan"), 1, 1, 2, 2], "score must be finite, but got score=nan"),
        ([0, 0.5, 1, 1, float("inf"), 2], "xmax must be finite, but got xmax=inf"),
        ([0.5, 0.5, 1, 1, 2, 2], "label must be a whole number from 0, but got label=0.5"),
        ([-1, 0.5, 1, 1, 2, 2], "label must be a whole number from 0, but got label=-1"),
        ([2**31, 0.5, 1, 1, 2, 2], "label must be a whole number from 0, but got label=2.14748365e+09"),
        ([0, 1.0000001, 1, 1, 2, 2], "score must be between 0 and 1 inclusive, but got score=1.0000001"),
        ([0, -0.1, 1, 1, 2, 2], "score must be between 0 and 1 inclusive, but got score=-0.1"),
    ],
)
def test_values_that_are_wrong_in_any_data_set_are_refused_with_their_place(row: list[float], message: str) -> None:
    with pytest.raises(DataError) as error:
        found([0, 0.5, 1, 1, 2, 2], row)
    assert str(error.value) == f"f.csv: line 8, image a.jpg: {message}"


@pytest.mark.parametrize(
    ("box", "fitted", "dropped", "clipped", "strict"),
    [
        ([0, 0, 100, 50], [0, 0, 100, 50], 0, 0, None),
        ([-3, 10, 20, 30], [0, 10, 20, 30], 0, 1, "a box must lie within its image of 100x50, but got -3 10 20 30"),
        ([10, 10, 120, 70], [10, 10, 100, 50], 0, 1, "a box must lie within its image of 100x50, but got 10 10 120 70"),
        ([90, 40, 100.005, 50.005], [90, 40, 100, 50], 0, 0, None),  # rounding of text
        ([90, 40, 100.02, 50], [90, 40, 100, 50], 0, 1, "a box must lie within its image of 100x50"),
        ([10, 10, 10, 40], None, 1, 0, "a box must have an area, but got 10 10 10 40"),
        ([20, 10, 10, 40], None, 1, 0, "a box must have an area, but got 20 10 10 40"),
        ([200, 10, 300, 40], None, 1, 0, "a box must lie within its image of 100x50, but got 200 10 300 40"),
        ([10, 10, 10 + 1e-9, 40], None, 1, 0, "a box must have an area"),  # nothing is left in float32
        ([-1e300, 0, 1e300, 50], [0, 0, 100, 50], 0, 1, "a box must lie within its image of 100x50"),
    ],
)
def test_boxes_are_fitted_in_the_open_or_refused(
    box: list[float], fitted: list[float] | None, dropped: int, clipped: int, strict: str | None
) -> None:
    given_boxes = found([0, 0.5, 1, 1, 2, 2], [3, 0.5, *box])
    result = fit_to_images(given_boxes, SIZES, strict=False)
    assert result.rows.tolist() == ([0, 1] if fitted else [0])
    assert result.boxes.tolist() == [[1, 1, 2, 2]] + ([fitted] if fitted else [])
    assert (result.dropped, result.clipped) == (dropped, clipped)
    if strict is None:
        np.testing.assert_array_equal(fit_to_images(given_boxes, SIZES, strict=True).boxes, result.boxes)
        return
    with pytest.raises(DataError) as error:
        fit_to_images(given_boxes, SIZES, strict=True)
    assert str(error.value).startswith(f"f.csv: line 8, image a.jpg: {strict}")


def test_every_box_is_held_against_its_own_image() -> None:
    boxes = FoundBoxes(
        source="f.csv",
        format="CSV",
        images=("b.jpg", "a.jpg"),
        lists_all=True,
        values=np.array([[0, 0.5, 0, 0, 200, 200]] * 2, np.float64),
        positions=np.array([1, 0]),
        places=np.array([2, 3]),
        unit="line",
    )
    assert fit_to_images(boxes, SIZES, strict=False).boxes.tolist() == [[0, 0, 100, 50], [0, 0, 200, 200]]


@given(st.lists(st.tuples(*[st.floats(-1e6, 1e6)] * 4), max_size=10))
def test_what_is_left_lies_on_the_image_and_all_is_counted(boxes: list[tuple[float, float, float, float]]) -> None:
    result = fit_to_images(found(*([0, 0.5, *box] for box in boxes)), SIZES, strict=False)
    x1, y1, x2, y2 = result.boxes.T
    assert ((x1 >= 0) & (y1 >= 0) & (x2 <= 100) & (y2 <= 50) & (x2 > x1) & (y2 > y1)).all()
    assert len(result.rows) + result.dropped == len(boxes)
    assert 0 <= result.clipped <= len(result.rows)


def test_nothing_found_is_nothing_fitted() -> None:
    result = fit_to_images(found(), SIZES, strict=True)
    assert (result.boxes.shape, result.dropped, result.clipped) == ((0, 4), 0, 0)
