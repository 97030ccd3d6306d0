"""Ratings and comparisons: intervals that hold the score, verdicts that chance does not give, means of parts."""

import numpy as np
import pytest

from recycle.data.coco import Dataset
from recycle.evaluation.average_precision import mean_average_precision
from recycle.evaluation.bootstrap import Interval
from recycle.evaluation.comparison import IOU_THRS, Comparator, Comparison
from recycle.evaluation.matching import match
from recycle.predictions.values import Predictions
from tests.evaluation.scenes import found, truth_of

IMAGES = 40
BOX = (10.0, 10.0, 50.0, 50.0)


def scene(hit_rate: float, seed: int = 0, *, repeats: int = 1) -> tuple[Dataset, Predictions]:
    """One object an image, of two classes in turn; a part of them is found, the others are missed by far."""
    rng = np.random.default_rng(seed)
    hits, scores = np.tile(rng.random(IMAGES) < hit_rate, repeats), np.tile(rng.uniform(0.1, 1, IMAGES), repeats)
    images = range(len(hits))
    truth = truth_of([(image, image % 2, BOX) for image in images], images=len(images))
    boxes = [
        (image, image % 2, BOX if hits[image] else (100.0, 80.0, 50.0, 50.0), float(scores[image])) for image in images
    ]
    return truth, found(boxes, images=images)


def comparator(truth: Dataset, parts: int = 1, seed: int = 0) -> Comparator:
    images = np.arange(IMAGES)
    return Comparator(truth, {i: i for i in range(IMAGES)}, np.array_split(images, parts), "map50", seed)


def test_rating_is_the_score_within_its_interval() -> None:
    truth, predictions = scene(0.7)
    judge = comparator(truth)
    judge.add("model", predictions)
    rating = judge.rate()["model"]
    assert rating.score == mean_average_precision(match(predictions, truth))
    assert rating.interval.low < rating.score < rating.interval.high
    assert rating.images == IMAGES


def test_score_of_parts_is_their_mean() -> None:
    truth, predictions = scene(0.7)
    judge = comparator(truth, parts=2)
    judge.add("model", predictions)
    halves = [
        mean_average_precision(match(predictions.of_images(part), truth))
        for part in np.array_split(np.arange(IMAGES), 2)
    ]
    assert judge.rate()["model"].score == pytest.approx(np.mean(halves))


def test_clear_difference_is_told_and_its_opposite() -> None:
    truth, good = scene(0.95)
    _, bad = scene(0.3, seed=1)
    judge = comparator(truth)
    judge.add("good", good)
    judge.add("bad", bad)
    forth, back = judge.compare([("good", "bad"), ("bad", "good")])
    assert (forth.verdict, back.verdict) == ("better", "worse")
    assert forth.difference == pytest.approx(-back.difference)
    assert forth.difference > 0


def test_equal_competitors_cannot_be_told_apart() -> None:
    truth, predictions = scene(0.6)
    judge = comparator(truth, parts=2)
    judge.add("one", predictions)
    judge.add("other", predictions)
    assert judge.compare([("one", "other")]) == (Comparison("one", "other", 0.0, Interval(0.0, 0.0)),)
    assert judge.compare([("one", "other")])[0].verdict == "not told apart"


def test_competitors_on_other_images_are_rated_but_not_compared() -> None:
    truth, predictions = scene(0.6)
    judge = comparator(truth)
    judge.add("all", predictions)
    judge.add("half", predictions.of_images(np.arange(IMAGES // 2)))
    assert judge.compare([("all", "half")]) == ()
    assert judge.rate()["half"].images == IMAGES // 2


def test_groups_of_images_widen_the_interval() -> None:
    truth, predictions = scene(0.6)
    widths = []
    for groups in ({i: i for i in range(IMAGES)}, {i: i // 8 for i in range(IMAGES)}):
        judge = Comparator(truth, groups, [np.arange(IMAGES)], "map50", seed=0)
        judge.add("model", predictions)
        interval = judge.rate()["model"].interval
        widths.append(interval.high - interval.low)
    assert widths[0] != widths[1]


def test_draws_of_equally_large_parts_are_independent() -> None:
    """Of two alike parts that are drawn apart, the mean lies within a root of two less than one of them."""
    widths = []
    for parts in (1, 2):
        truth, predictions = scene(0.6, repeats=parts)
        images = np.arange(parts * IMAGES)
        judge = Comparator(truth, {i: i for i in images.tolist()}, np.split(images, parts), "map50", seed=0)
        judge.add("model", predictions)
        interval = judge.rate()["model"].interval
        widths.append(interval.high - interval.low)
    assert widths[1] == pytest.approx(widths[0] / np.sqrt(2), rel=0.1)


def test_parts_that_a_competitor_does_not_cover_do_not_count() -> None:
    truth, predictions = scene(0.6)
    first = predictions.of_images(np.arange(IMAGES // 2))
    judge, alone = comparator(truth, parts=2), comparator(truth)
    for one in (judge, alone):
        one.add("half", first)
    assert judge.rate() == alone.rate()


def test_thresholds_are_those_of_the_metrics() -> None:
    assert IOU_THRS["map50"] == (0.5,)
    assert IOU_THRS["map75"] == (0.75,)
    assert IOU_THRS["map"] == pytest.approx(np.arange(0.5, 1, 0.05))
