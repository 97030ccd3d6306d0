"""IoU of label maps against scikit-learn's, and what intervals are made of."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import jaccard_score

from recycle.errors import DataError
from recycle.evaluation.bootstrap import RESAMPLES, Interval, Samples, interval
from recycle.evaluation.segmentation import (
    PixelCounts,
    SegmentationComparator,
    compare_class_ious,
    count_pixels,
    mean_iou,
    score,
)
from recycle.predictions.probabilities import IGNORED

COLUMNS = ("right", "predicted", "true")
NAMES = ("Background", "Paper", "Glass", "Metal")
Maps = list[tuple[int, np.ndarray, np.ndarray]]


def random_maps(seed: int, images: int = 6, right: float = 0.6, classes: int = 3) -> Maps:
    rng = np.random.default_rng(seed)
    maps = []
    for number in range(images):
        truth = rng.choice(np.array([*range(classes), IGNORED], np.uint8), (5, 7))
        guess = rng.integers(0, classes, truth.shape, np.uint8)
        predicted = np.where((rng.random(truth.shape) < right) & (truth != IGNORED), truth, guess)
        maps.append((number, truth, predicted.astype(np.uint8)))
    return maps


@given(st.integers(0, 10_000))
def test_scores_are_those_of_scikit_learn(seed: int) -> None:
    maps = random_maps(seed)
    scores = score(count_pixels(maps, len(NAMES)), NAMES)
    truth = np.concatenate([one.ravel() for _, one, _ in maps])
    predicted = np.concatenate([one.ravel() for _, _, one in maps])
    labelled = truth != IGNORED
    expected = jaccard_score(truth[labelled], predicted[labelled], labels=[0, 1, 2], average=None)
    assert [scores.classes[name].iou for name in NAMES[:3]] == pytest.approx(expected)
    assert scores.miou == pytest.approx(expected.mean())
    assert scores.pixel_accuracy == pytest.approx((truth == predicted)[labelled].mean())
    assert scores.images == 6


@pytest.mark.parametrize(("seed", "expected"), [(0, 0.5382326), (1, 0.5243962), (2, 0.5983129)])
def test_miou_is_that_of_torchmetrics(seed: int, expected: float) -> None:
    # MulticlassJaccardIndex(4, ignore_index=255) of torchmetrics 1.9.0, updated map by map.
    assert mean_iou(count_pixels(random_maps(seed, classes=4), 4)) == pytest.approx(expected, abs=1e-7)


def test_a_class_that_occurs_nowhere_does_not_count() -> None:
    scores = score(count_pixels(random_maps(0), 4), NAMES)
    assert scores.classes["Metal"].iou is None
    assert scores.classes["Metal"].pixels == 0


def test_a_class_that_is_only_predicted_counts_as_missed() -> None:
    truth, predicted = np.array([[0, 0]], np.uint8), np.array([[0, 3]], np.uint8)
    scores = score(count_pixels([(1, truth, predicted)], 4), NAMES)
    assert scores.classes["Metal"].iou == 0
    assert scores.miou == 0.25


def test_the_mean_over_images_is_another_number() -> None:
    good, bad = np.array([[0, 1]], np.uint8), np.array([[1, 0]], np.uint8)
    scores = score(count_pixels([(1, good, good), (2, good, bad)], 2), NAMES[:2])
    assert scores.image_miou == 0.5
    assert scores.miou == pytest.approx(1 / 3)


def test_images_without_labels_have_no_score() -> None:
    truth = np.full((2, 2), IGNORED, np.uint8)
    scores = score(count_pixels([(1, truth, np.zeros((2, 2), np.uint8))], 2), NAMES[:2])
    assert (scores.miou, scores.image_miou, scores.pixel_accuracy) == (None, None, None)
    assert mean_iou(count_pixels([], 2)) == 0


def test_maps_of_different_sizes_are_refused() -> None:
    with pytest.raises(DataError, match=r"image 8: the label map must be \(2, 2\), but got \(2, 3\)"):
        count_pixels([(8, np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8))], 2)
    with pytest.raises(DataError, match="counts must be of 2 images"):
        PixelCounts(np.array([1, 2]), *[np.zeros((1, 3), np.int64)] * 3)


def comparator(images: int, parts: int = 1) -> SegmentationComparator:
    return SegmentationComparator({i: i for i in range(images)}, np.array_split(np.arange(images), parts), seed=0)


def test_a_competitor_much_better_is_told_from_one_equally_good() -> None:
    counts = {
        "good": count_pixels(random_maps(1, 40, 0.9), 3),
        "twin": count_pixels(random_maps(1, 40, 0.9), 3),
        "bad": count_pixels(random_maps(1, 40, 0.3), 3),
    }
    judge = comparator(40)
    for name, one in counts.items():
        judge.add(name, one)
    ratings = judge.rate()
    assert ratings["good"].score == mean_iou(counts["good"])
    assert ratings["good"].interval.low < ratings["good"].score < ratings["good"].interval.high
    assert ratings["good"].images == 40
    better, equal = judge.compare([("good", "bad"), ("good", "twin")])
    assert (better.verdict, equal.verdict) == ("better", "not told apart")
    assert better.difference == pytest.approx(ratings["good"].score - ratings["bad"].score)


def test_classes_are_compared_all_at_once() -> None:
    good, bad = (count_pixels(random_maps(1, 40, skill), 4) for skill in (0.9, 0.3))
    classes = compare_class_ious(good, bad, {i: i for i in range(40)}, 0)
    assert [one.label for one in classes] == [0, 1, 2], "the fourth occurs nowhere"
    ious, others = (score(counts, "abcd").of_classes.values() for counts in (good, bad))
    for change, iou, other in zip(classes, ious, others, strict=False):
        assert (change.score, change.other) == pytest.approx((iou, other))
        assert change.verdict == "better"
    one, two = (PixelCounts(c.image_ids, *(getattr(c, name)[:, :1] for name in COLUMNS)) for c in (good, bad))
    (alone,) = compare_class_ious(one, two, {i: i for i in range(40)}, 0)
    assert classes[0].interval.low < alone.interval.low < alone.interval.high < classes[0].interval.high


def test_intervals_of_many_classes_come_from_more_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths: list[int] = []

    def told(samples: Samples, *, among: int = 1) -> Interval:
        lengths.append(len(samples))
        return interval(samples, among=among)

    monkeypatch.setattr("recycle.evaluation.segmentation.interval", told)
    counts = count_pixels(random_maps(1, 10, classes=15), 15)
    compare_class_ious(counts, counts, {i: i for i in range(10)}, 0)
    assert lengths == [3 * RESAMPLES] * 15


def test_a_score_over_parts_is_their_mean() -> None:
    counts = count_pixels(random_maps(3, 10), 3)
    judge = comparator(10, parts=2)
    judge.add("one", counts)
    halves = [mean_iou(counts.of_images(np.arange(start, start + 5))) for start in (0, 5)]
    assert judge.rate()["one"].score == pytest.approx(np.mean(halves))


def test_draws_of_equally_large_parts_are_independent() -> None:
    """Of two alike parts that are drawn apart, the mean lies within a root of two less than one of them."""
    widths = []
    for parts in (1, 2):
        maps = [(40 * part + i, true, given) for part in range(parts) for i, true, given in random_maps(3, 40)]
        judge = comparator(40 * parts, parts)
        judge.add("one", count_pixels(maps, 3))
        interval = judge.rate()["one"].interval
        widths.append(interval.high - interval.low)
    assert widths[1] == pytest.approx(widths[0] / np.sqrt(2), rel=0.1)


def test_competitors_on_other_images_are_not_compared() -> None:
    judge = comparator(10)
    judge.add("all", count_pixels(random_maps(3, 10), 3))
    judge.add("some", count_pixels(random_maps(3, 5), 3))
    assert judge.compare([("all", "some")]) == ()
