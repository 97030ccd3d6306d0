import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recycle.errors import DataError
from recycle.evaluation.average_precision import (
    class_average_precisions,
    drawn_mean_average_precisions,
    make_draws,
    mean_average_precision,
)
from recycle.evaluation.matching import match
from tests.evaluation.scenes import found, random_predictions, random_truth, truth_of

HERE, THERE = (10.0, 10.0, 40.0, 40.0), (100.0, 10.0, 40.0, 40.0)
TRUTH = truth_of([(0, 0, HERE), (0, 0, THERE)])


@pytest.mark.parametrize(
    ("detections", "expected"),
    [
        ([(0, 0, HERE, 0.9), (0, 0, THERE, 0.8)], 1),
        ([(0, 0, HERE, 0.9)], 51 / 101),
        ([(1, 0, HERE, 0.9), (0, 0, HERE, 0.8)], 0.5 * 51 / 101),
        ([(0, 0, HERE, 0.9), (0, 0, THERE, 0.8), (1, 0, THERE, 0.7)], 1),
        ([(1, 0, HERE, 0.9)], 0),
        ([(0, 1, HERE, 0.9)], 0),
        ([], 0),
    ],
)
def test_worked_examples(detections: list[tuple[int, int, tuple[float, ...], float]], expected: float) -> None:
    matches = match(found(detections), TRUTH)  # type: ignore[arg-type]
    assert mean_average_precision(matches) == pytest.approx(expected, abs=1e-12)
    by_class = class_average_precisions(matches)
    assert by_class.shape == (1, 2)
    assert by_class[0, 0] == pytest.approx(expected, abs=1e-12)
    assert np.isnan(by_class[0, 1])


def test_without_objects_it_is_zero() -> None:
    assert mean_average_precision(match(found([(0, 0, HERE, 0.9)]), truth_of([]))) == 0
    assert mean_average_precision(match(found([], images=[]), truth_of([]))) == 0
    assert mean_average_precision(match(found([(0, 0, HERE, 0.9)]), TRUTH), np.array([0, 1, 1])) == 0


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), ties=st.booleans())
def test_an_image_that_counts_nothing_is_left_out(seed: int, ties: bool) -> None:
    rng = np.random.default_rng(seed)
    truth = random_truth(rng)
    predictions = random_predictions(rng, truth, ties=ties)
    counts = rng.integers(0, 2, len(predictions.covered))
    kept = predictions.of_images(predictions.covered[counts > 0])
    drawn = mean_average_precision(match(predictions, truth), counts)
    assert drawn == pytest.approx(mean_average_precision(match(kept, truth)), abs=1e-12)


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), factor=st.integers(1, 5))
def test_all_images_counted_equally_often_change_little_or_nothing(seed: int, factor: int) -> None:
    """Recalls are the same, precisions too; only ties between the copies may be broken otherwise."""
    rng = np.random.default_rng(seed)
    truth = random_truth(rng)
    matches = match(random_predictions(rng, truth), truth)
    counts = np.full(len(matches.image_ids), factor)
    assert mean_average_precision(matches, counts) == pytest.approx(mean_average_precision(matches), abs=1e-12)


@pytest.mark.parametrize("draws", [1, 15, 16, 17, 40])
def test_many_draws_at_once_are_one_after_the_other(draws: int) -> None:
    rng = np.random.default_rng(draws)
    truth = random_truth(rng)
    matches = match(random_predictions(rng, truth, ties=True), truth, (0.5, 0.75))
    counts = rng.integers(0, 3, (draws, len(matches.image_ids)))
    together = drawn_mean_average_precisions(matches, make_draws(matches, counts))
    np.testing.assert_allclose(together, [mean_average_precision(matches, row) for row in counts], rtol=1e-12)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        (np.array([1, 1]), r"each of 3 images, but got shape \(2,\)"),
        (np.array([1, -1, 1]), "whole numbers from 0, but got -1"),
        (np.array([0.5, 1, 1]), "whole numbers from 0, but got 0.5"),
    ],
)
def test_counts_that_cannot_be_are_refused(counts: npt.NDArray[np.int64], message: str) -> None:
    with pytest.raises(DataError, match=message):
        mean_average_precision(match(found([]), TRUTH), counts)


def test_draws_of_other_images_are_refused() -> None:
    draws = make_draws(match(found([]), TRUTH), np.ones((1, 3), np.int64))
    for other in (match(found([], images=(0, 1)), TRUTH), match(found([]), truth_of([], classes=4))):
        with pytest.raises(DataError, match=r"Draws must be of \d images and \d classes, but got 3 and 2"):
            drawn_mean_average_precisions(other, draws)
