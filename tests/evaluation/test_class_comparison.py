"""Differences class by class: what they are, and which of them are told apart."""

import numpy as np
import pytest

from recycle.errors import DataError
from recycle.evaluation.average_precision import class_average_precisions
from recycle.evaluation.class_comparison import compare_classes
from recycle.evaluation.matching import match
from tests.evaluation.scenes import Box, found, random_predictions, random_truth, truth_of

BOX: Box = (10, 10, 50, 50)
FAR: Box = (100, 80, 50, 50)
IMAGES = range(30)
GROUPS = {image: image for image in IMAGES}


def test_a_class_that_one_never_finds_is_told_and_the_other_is_not() -> None:
    truth = truth_of([(image, image % 2, BOX) for image in IMAGES], images=30, classes=3)
    boxes = [(image, image % 2, BOX, 0.5 + image / 100) for image in IMAGES]
    spoilt = [(image, label, FAR if label else box, score) for image, label, box, score in boxes]
    one, other = (match(found(rows, images=IMAGES), truth) for rows in (boxes, spoilt))
    same, better = compare_classes(one, other, GROUPS, seed=0)
    assert (same.label, same.difference, same.verdict) == (0, 0, "not told apart")
    assert (better.label, better.score, better.other, better.verdict) == (1, 1, 0, "better")
    assert [row.verdict for row in compare_classes(other, one, GROUPS, seed=0)] == ["not told apart", "worse"]


def test_scores_are_those_of_the_classes_and_lie_around_their_intervals() -> None:
    rng = np.random.default_rng(0)
    truth = random_truth(rng)
    one, other = (match(random_predictions(rng, truth), truth) for _ in range(2))
    rows = compare_classes(one, other, GROUPS, seed=0)
    assert [row.label for row in rows] == [0, 1, 2, 3]
    assert [row.score for row in rows] == class_average_precisions(one)[0, :4].tolist()
    assert [row.other for row in rows] == class_average_precisions(other)[0, :4].tolist()
    assert all(row.interval.low <= row.difference <= row.interval.high for row in rows)


def test_other_images_are_refused() -> None:
    truth = truth_of([(0, 0, BOX)])
    with pytest.raises(DataError, match="Competitors must have the same image_ids"):
        compare_classes(match(found([]), truth), match(found([], images=[0]), truth), GROUPS, seed=0)
