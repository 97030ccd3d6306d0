"""Differences class by class: what they are, and which of them are told apart."""

import numpy as np
import pytest

from recycle.errors import DataError
from recycle.evaluation.average_precision import class_average_precisions
from recycle.evaluation.bootstrap import RESAMPLES, Interval, Samples, interval
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


def test_intervals_of_many_classes_come_from_more_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths: list[int] = []

    def told(samples: Samples, *, among: int = 1) -> Interval:
        lengths.append(len(samples))
        return interval(samples, among=among)

    monkeypatch.setattr("recycle.evaluation.class_comparison.interval", told)
    truth = truth_of([(image, image % 15, BOX) for image in IMAGES], images=30, classes=15)
    one = match(found([(image, image % 15, BOX, 0.5) for image in IMAGES], images=IMAGES), truth)
    compare_classes(one, one, GROUPS, seed=0)
    assert lengths == [3 * RESAMPLES] * 15


def test_other_images_are_refused() -> None:
    truth = truth_of([(0, 0, BOX)])
    with pytest.raises(DataError, match="Competitors must have the same image_ids"):
        compare_classes(match(found([]), truth), match(found([], images=[0]), truth), GROUPS, seed=0)


@pytest.mark.parametrize(("shown_on", "verdict"), [(1, "not told apart"), (3, "not told apart"), (12, "worse")])
def test_a_handful_of_objects_is_too_few_to_tell_a_difference(shown_on: int, verdict: str) -> None:
    truth = truth_of([(image, int(image < shown_on), BOX) for image in IMAGES], images=30)
    boxes = [(image, int(image < shown_on), BOX, 0.5) for image in IMAGES]
    without = [row for row in boxes if row[1] == 0]
    one, other = (match(found(rows, images=IMAGES), truth) for rows in (without, boxes))
    _, lost = compare_classes(one, other, GROUPS, seed=0)
    assert lost.difference == -1
    assert lost.verdict == verdict


def test_of_many_equally_good_classes_hardly_one_is_told_apart() -> None:
    rng, images = np.random.default_rng(0), {image: image for image in range(60)}
    told = []
    for seed in range(40):
        truth = random_truth(rng, boxes=300, classes=11, images=60)
        one, other = (match(random_predictions(rng, truth, boxes=500), truth) for _ in range(2))
        rows = compare_classes(one, other, images, seed)
        assert len(rows) == 10
        told.append(any(row.verdict != "not told apart" for row in rows))
    assert sum(told) <= 6, "two of forty are to be expected, and nineteen if each class stood by itself"
