import numpy as np
import pytest

from recycle.evaluation.label_counts import LabelQuality, all_together
from recycle.evaluation.label_quality import FEWEST_RIGHT, label_quality, thresholds_for_precision
from recycle.evaluation.matching import match
from tests.evaluation.scenes import Box, found, random_predictions, random_truth, truth_of

RIGHT: Box = (10.0, 10.0, 30.0, 30.0)
WRONG: Box = (100.0, 100.0, 30.0, 30.0)


def scored(outcomes: str, scores: list[float], precision: float) -> float:
    """The threshold of class 0 for boxes that are right (r) or wrong (w), each on an image of its own."""
    images = range(len(outcomes))
    truth = truth_of([(i, 0, RIGHT) for i in images], images=len(outcomes))
    boxes = [(i, 0, RIGHT if outcomes[i] == "r" else WRONG, scores[i]) for i in images]
    thresholds = thresholds_for_precision(match(found(boxes, images=images), truth), precision)
    assert thresholds[1] == np.inf
    return float(thresholds[0])


@pytest.mark.parametrize(
    ("outcomes", "scores", "precision", "expected"),
    [
        ("rrrrrw", [0.9, 0.8, 0.7, 0.6, 0.5, 0.4], 1.0, 0.5),
        ("rrrrrw", [0.9, 0.8, 0.7, 0.6, 0.5, 0.4], 0.8, 0.4),
        ("rrrrrw", [0.9, 0.8, 0.7, 0.6, 0.5, 0.5], 1.0, np.inf),  # of equal scores none is surer than the other
        ("wrrrrr", [0.9, 0.8, 0.7, 0.6, 0.5, 0.4], 0.8, 0.4),
        ("rrrrww", [0.9, 0.8, 0.7, 0.6, 0.5, 0.4], 0.5, np.inf),  # too few to know
        ("rrrrrwwrrr", [0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5], 0.8, 0.5),
    ],
)
def test_the_lowest_score_that_is_precise_enough(
    outcomes: str, scores: list[float], precision: float, expected: float
) -> None:
    assert scored(outcomes, scores, precision) == pytest.approx(expected)
    assert FEWEST_RIGHT == 5


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("precision", [0.3, 0.6, 0.9])
def test_labels_are_as_precise_as_was_asked_where_the_threshold_was_chosen(seed: int, precision: float) -> None:
    rng = np.random.default_rng(seed)
    truth = random_truth(rng)
    predictions = random_predictions(rng, truth)
    matches = match(predictions, truth)
    thresholds = thresholds_for_precision(matches, precision)
    found_rows = matches.truths[0]
    for label, threshold in enumerate(thresholds):
        rows = (matches.labels == label) & (matches.scores >= threshold) & (found_rows != -2)
        if np.isfinite(threshold):
            assert np.mean(found_rows[rows] >= 0) >= precision


def test_quality_counts_labels_right_ones_and_objects_by_class() -> None:
    truth = truth_of([(0, 0, RIGHT), (1, 0, RIGHT), (2, 1, RIGHT)])
    labels = found([(0, 0, RIGHT, 0.9), (0, 0, WRONG, 0.9), (2, 0, RIGHT, 0.9)])
    quality = label_quality(match(labels, truth))
    assert quality == (LabelQuality(3, 1, 2), LabelQuality(0, 0, 1))
    assert quality[0].precision == pytest.approx(1 / 3)
    assert quality[0].recall == 0.5
    assert (quality[1].precision, quality[1].recall) == (None, 0.0)
    assert all_together(quality) == LabelQuality(3, 1, 3)
    assert LabelQuality(0, 0, 0).recall is None
