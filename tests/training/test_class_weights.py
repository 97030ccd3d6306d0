import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recycle.data.coco import Dataset
from recycle.errors import RecipeError
from recycle.recipe import Losses
from recycle.training.class_weights import class_weights
from tests.data.small_dataset import dataset_of

FREQUENT, RARE = 400, 20


def boxes_of(*counts: int) -> Dataset:
    """One image with so many boxes of each class."""
    return dataset_of([[label for label, count in enumerate(counts) for _ in range(count)]], len(counts))


def balanced(dataset: Dataset) -> tuple[float, ...]:
    weights = class_weights(Losses(balance_classes=True), dataset)
    assert weights is not None
    return weights


def test_all_classes_count_alike_by_default() -> None:
    assert class_weights(Losses(), boxes_of(3, 1)) is None


def test_weights_go_by_name_and_the_others_are_one() -> None:
    losses = Losses(class_weights={"class 2": 3.0, "class 0": 0.5})
    assert class_weights(losses, boxes_of(1, 1, 1)) == (0.5, 1.0, 3.0)


def test_an_unknown_class_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"of the data set, class 0, class 1, but got 'Batery'$"):
        class_weights(Losses(class_weights={"Batery": 3.0}), boxes_of(1, 1))


def test_balanced_weights_are_inverse_effective_numbers() -> None:
    frequent, rare = balanced(boxes_of(FREQUENT, RARE))
    effective = [(1 - math.pow(0.999, count)) / 0.001 for count in (FREQUENT, RARE)]
    assert rare / frequent == pytest.approx(effective[0] / effective[1])
    assert (frequent * FREQUENT + rare * RARE) / (FREQUENT + RARE) == pytest.approx(1)


@given(st.lists(st.integers(0, 300), min_size=1, max_size=5))
def test_rarer_classes_never_weigh_less(counts: list[int]) -> None:
    weights = balanced(boxes_of(*counts))
    assert all(math.isfinite(weight) and weight > 0 for weight in weights)
    by_count = sorted(zip(counts, weights, strict=True))
    assert [weight for _, weight in by_count] == sorted((weight for _, weight in by_count), reverse=True)


def test_a_data_set_without_boxes_has_even_weights() -> None:
    dataset = Dataset(Path(), boxes_of(1, 1).categories, (), ())
    assert balanced(dataset) == (1.0, 1.0)
