from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recycle.errors import DataError
from recycle.predictions.values import Predictions, concatenate
from tests.predictions.strategies import assert_same, predictions


def small(**changes: Any) -> Predictions:
    columns: dict[str, Any] = {
        "image_ids": np.array([7, 9]),
        "model_ids": np.array([0, 1]),
        "boxes": np.array([[0, 0, 1, 1], [2, 3, 4, 5]], np.float32),
        "scores": np.array([0.5, 1.0], np.float32),
        "labels": np.array([0, 3]),
        "models": ("a", "b"),
        "coverage": (np.array([7, 8]), np.array([9])),
    }
    return Predictions(**{**columns, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_ids": np.array([0, 2])}, "row 1 (image 9): model_id must be an index into models, but got 2"),
        ({"model_ids": np.array([-1, 1])}, "row 0 (image 7): model_id must be"),
        ({"boxes": np.array([[0, 0, 1, 1], [2, 3, np.nan, 5]])}, "row 1 (image 9): box must be finite"),
        ({"boxes": np.array([[0, 0, 1, np.inf], [2, 3, 4, 5.0]])}, "row 0 (image 7): box must be finite"),
        (
            {"boxes": np.array([[0, 0, 1, 1], [4, 3, 4, 5]], np.float32)},
            "box must have x2 > x1 and y2 > y1, but got [4.",
        ),
        (
            {"boxes": np.array([[0, 1, 1, 0], [2, 3, 4, 5]], np.float32)},
            "box must have x2 > x1 and y2 > y1, but got [0.",
        ),
        ({"scores": np.array([0.5, 1.5])}, "row 1 (image 9): score must be between 0 and 1 inclusive, but got 1.5"),
        ({"scores": np.array([-0.5, 1])}, "score must be between 0 and 1 inclusive, but got -0.5"),
        ({"scores": np.array([np.nan, 1])}, "score must be between 0 and 1 inclusive, but got nan"),
        ({"labels": np.array([0, -3])}, "row 1 (image 9): label must not be negative, but got -3"),
        ({"labels": np.array([0.0, 3.0])}, "Predictions.labels must be int32, but got float64"),
        ({"scores": np.array([0.5])}, "Predictions.scores must have shape (2,), but got (1,)"),
        ({"boxes": np.zeros((2, 5), np.float32)}, "Predictions.boxes must have shape (2, 4), but got (2, 5)"),
        ({"models": ("a", "a")}, "models must be different names"),
        ({"models": ("a", "")}, "models must be different names"),
        ({"models": ("a",)}, "one array for each of 1 models, but got 2"),
        ({"coverage": (np.array([7]), np.array([8]))}, "Model 'b' must cover the images of its boxes"),
        ({"coverage": (np.array([8, 7]), np.array([9]))}, "Coverage of model 'a' must be sorted"),
        ({"coverage": (np.array([7, 7]), np.array([9]))}, "Coverage of model 'a' must be sorted"),
    ],
)
def test_bad_columns_are_refused_with_record_and_value(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError) as error:
        small(**changes)
    assert message in str(error.value)


def test_columns_get_their_types_and_stay_as_they_are() -> None:
    value = small(boxes=np.array([[0, 0, 1, 1], [2, 3, 4, 5.5]], np.float64))
    assert value.boxes.dtype == np.float32
    assert value.labels.dtype == np.int32
    with pytest.raises(ValueError, match="read-only"):
        value.scores[0] = 2


def test_empty_covers_images_without_boxes() -> None:
    value = Predictions.empty(["a"], [np.array([3, 5])])
    assert len(value) == 0
    assert value.boxes.shape == (0, 4)
    assert value.covered.tolist() == [3, 5]
    assert len(Predictions.empty([], []).covered) == 0


@given(predictions())
def test_models_taken_apart_and_joined_are_all_there(value: Predictions) -> None:
    if not value.models:
        return
    joined = concatenate([value.of_model(name) for name in value.models])
    order = np.argsort(value.model_ids, kind="stable")
    expected = replace(
        value, **{name: getattr(value, name)[order] for name in ("image_ids", "model_ids", "boxes", "scores", "labels")}
    )
    assert_same(joined, expected)


@given(predictions(), st.integers(0, 9))
def test_images_taken_apart_and_joined_are_all_there(value: Predictions, divider: int) -> None:
    low = value.of_images([image for image in value.covered.tolist() if image < divider])
    high = value.of_images(value.covered[value.covered >= divider])
    assert np.all(low.image_ids < divider)
    joined = concatenate([low, high])
    order = np.argsort(value.image_ids >= divider, kind="stable")
    expected = replace(
        value, **{name: getattr(value, name)[order] for name in ("image_ids", "model_ids", "boxes", "scores", "labels")}
    )
    assert_same(joined, expected)


def test_folds_of_a_model_join_under_its_name() -> None:
    value = small()
    folds = [value.of_model(name).renamed("m") for name in ("a", "b")]
    joined = concatenate(folds)
    assert joined.models == ("m",)
    assert joined.coverage[0].tolist() == [7, 8, 9]
    assert joined.model_ids.tolist() == [0, 0]


def test_models_keep_their_boxes_when_parts_name_them_in_another_order() -> None:
    first = small()
    second = small(image_ids=np.array([17, 19]), models=("b", "a"), coverage=(np.array([17]), np.array([19])))
    joined = concatenate([first, second])
    assert joined.models == ("a", "b")
    assert joined.model_ids.tolist() == [0, 1, 1, 0]
    assert [ids.tolist() for ids in joined.coverage] == [[7, 8, 19], [9, 17]]


def test_an_image_predicted_twice_by_a_model_is_refused() -> None:
    with pytest.raises(DataError, match="Model 'a' must predict an image once, but image 7"):
        concatenate([small(), small()])


def test_nothing_to_concatenate_is_refused() -> None:
    with pytest.raises(DataError, match="at least one"):
        concatenate([])


def test_unknown_model_is_refused() -> None:
    with pytest.raises(DataError, match="one of a, b, but got 'c'"):
        small().of_model("c")


def test_new_names_must_fit() -> None:
    assert small().renamed("c", "d").models == ("c", "d")
    with pytest.raises(DataError, match="one array for each of 1 models"):
        small().renamed("c")
