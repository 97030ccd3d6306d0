from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from recycle.errors import DataError
from recycle.evaluation.average_precision import drawn_mean_average_precisions, mean_average_precision
from recycle.evaluation.bootstrap import RESAMPLES, Interval, Seed, difference, draw_images, interval, seeds_for
from recycle.evaluation.matching import MISSED, Matches, match, merge
from tests.evaluation.scenes import found, random_predictions, random_truth, truth_of


def simulated(rng: np.random.Generator, images: int, *, found_of_four: float = 0.6) -> Matches:
    """One class, two objects and four detections an image; right ones tend to score higher."""
    truths = np.full(4 * images, MISSED)
    found_ones = rng.random((images, 2)) < found_of_four
    truths.reshape(images, 4)[:, :2] = np.where(found_ones, np.arange(2 * images).reshape(images, 2), MISSED)
    scores = np.where(truths >= 0, rng.beta(3, 2, 4 * images), rng.beta(1, 4, 4 * images)).astype(np.float32)
    rows = np.lexsort((-scores, np.repeat(np.arange(images), 4)))
    return Matches(
        image_ids=np.arange(images),
        iou_thrs=np.array([0.5]),
        classes=1,
        images=np.repeat(np.arange(images), 4),
        labels=np.zeros(4 * images, np.int32),
        scores=scores[rows],
        boxes=np.zeros((4 * images, 4), np.float32),
        truths=truths[rows][np.newaxis],
        truth_images=np.repeat(np.arange(images), 2),
        truth_labels=np.zeros(2 * images, np.int64),
    )


def random_matches(seed: int, competitors: int) -> list[Matches]:
    rng = np.random.default_rng(seed)
    truth = random_truth(rng)
    return [match(random_predictions(rng, truth, boxes=100 * n + 100), truth) for n in range(competitors)]


def resample(
    competitors: Sequence[Matches],
    groups: npt.NDArray[np.int64] | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: Seed = 0,
) -> npt.NDArray[np.float64]:
    """Scores of competitors in the same draws of the images, shape (resamples, competitors)."""
    draws = draw_images(competitors[0], groups, resamples=resamples, seed=seed)
    return np.stack([drawn_mean_average_precisions(matches, draws) for matches in competitors], axis=1)


def test_intervals_cover_the_true_value_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    true_value = mean_average_precision(simulated(rng, 40_000))
    intervals = [interval(resample([simulated(rng, 150)], resamples=200)[:, 0]) for _ in range(150)]
    covering = np.mean([each.low <= true_value <= each.high for each in intervals])
    assert 0.88 <= covering <= 0.99


def test_better_is_said_when_it_is_so_and_seldom_otherwise() -> None:
    rng = np.random.default_rng(1)
    said, falsely = 0, 0
    for _ in range(60):
        samples = resample([simulated(rng, 150, found_of_four=f) for f in (0.75, 0.6, 0.6)], resamples=200)
        said += difference(samples[:, 0], samples[:, 1]).low > 0
        falsely += difference(samples[:, 1], samples[:, 2]).low > 0
    assert said >= 55
    assert falsely <= 6


def test_identical_competitors_differ_by_exactly_nothing() -> None:
    one = random_matches(0, 1)[0]
    samples = resample([one, replace(one, scores=one.scores.copy())], resamples=50)
    assert difference(samples[:, 0], samples[:, 1]) == Interval(0, 0)


def test_each_competitor_is_scored_on_the_same_draws_whoever_else_is_there() -> None:
    competitors = random_matches(1, 3)
    together = resample(competitors, resamples=20, seed=3)
    assert together.shape == (20, 3)
    for number, matches in enumerate(competitors):
        np.testing.assert_array_equal(resample([matches], resamples=20, seed=3)[:, 0], together[:, number])
    assert not np.array_equal(together, resample(competitors, resamples=20, seed=4))


def test_seeds_of_further_parts_draw_anew() -> None:
    matches = random_matches(1, 1)
    first, second = (resample(matches, resamples=20, seed=(3, part)) for part in (0, 1))
    np.testing.assert_array_equal(first, resample(matches, resamples=20, seed=3))
    assert not np.array_equal(first, second)


def test_images_of_one_group_are_drawn_together() -> None:
    """With all images in one group every draw is the data set itself."""
    matches = random_matches(2, 1)[0]
    images = len(matches.image_ids)
    whole = resample([matches], np.full(images, 7), resamples=5)
    np.testing.assert_array_equal(whole[:, 0], mean_average_precision(matches))
    halves = resample([matches], np.arange(images) % 2, resamples=40)
    expected = {mean_average_precision(matches, np.where(np.arange(images) % 2, odd, 2 - odd)) for odd in (0, 1, 2)}
    assert set(halves[:, 0]) == expected


def test_copies_of_images_widen_the_interval_unless_they_are_grouped() -> None:
    """Ten copies of each image look like ten times the evidence."""
    rng = np.random.default_rng(5)
    single = simulated(rng, 100)
    many = merge([replace(single, image_ids=single.image_ids + 1000 * copy) for copy in range(10)])
    widths = [
        np.ptp(np.percentile(resample([matches], groups, resamples=400)[:, 0], [2.5, 97.5]))
        for matches, groups in ((single, None), (many, many.image_ids % 1000), (many, None))
    ]
    assert widths[1] == pytest.approx(widths[0], rel=0.2)
    assert widths[2] < 0.5 * widths[0]


def test_percentiles() -> None:
    found_interval = interval(np.linspace(0, 1, 201))
    assert (found_interval.low, found_interval.high) == pytest.approx((0.025, 0.975))


@pytest.mark.parametrize("among", [0, 1, 5, 10, 60])
def test_enough_draws_lie_beyond_the_ends_of_intervals_that_are_looked_at_together(among: int) -> None:
    seeds = seeds_for(among, 3)
    assert len(set(seeds)) == len(seeds)
    samples = np.arange(len(seeds) * RESAMPLES, dtype=np.float64)
    ends = interval(samples, among=max(among, 1))
    assert (samples < ends.low).sum() >= 5
    assert (samples > ends.high).sum() >= 5


def test_what_cannot_be_compared_is_refused() -> None:
    truth = truth_of([(0, 0, (10, 10, 40, 40))])
    one = match(found([]), truth)
    cases = [
        ({"groups": np.arange(2)}, r"each of 3 images, but got shape \(2,\)"),
        ({"resamples": 0}, "resamples=0"),
    ]
    for settings, message in cases:
        with pytest.raises(DataError, match=message):
            draw_images(one, **settings)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="5 and 6"):
        difference(np.zeros(5), np.zeros(6))
