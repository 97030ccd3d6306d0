import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recycle.evaluation.pixel_precision import FEWEST_RIGHT, STEPS, confidences_for_precision
from recycle.predictions.probabilities import IGNORED

Row = tuple[int, int, int, int]
"""True and given label, confidence in steps, number of pixels."""


def confidences(rows: list[Row], precision: float, classes: int = 3) -> list[float]:
    """Of pixels in rows of their own."""
    truth, labels, steps = (
        np.concatenate([np.full(row[3], row[place]) for row in rows]).reshape(1, -1) for place in range(3)
    )
    one = truth.astype(np.uint8), labels.astype(np.uint8), (steps / STEPS).astype(np.float32)
    return list(confidences_for_precision([one], classes, precision))


@pytest.mark.parametrize(
    ("rows", "precision", "expected"),
    [
        ([(1, 1, 200, 150), (0, 1, 100, 50)], 1.0, 101),
        ([(1, 1, 200, 150), (0, 1, 100, 50)], 0.75, 0),
        ([(1, 1, 200, 150), (0, 1, 200, 1)], 1.0, np.inf),  # of equal confidences none is surer than the other
        ([(1, 1, 200, FEWEST_RIGHT - 1)], 0.5, np.inf),  # too few to know
        ([(0, 1, 250, 10), (1, 1, 200, 300), (0, 1, 90, 300)], 0.9, 91),
        ([(IGNORED, 1, 200, 500), (1, 1, 200, 100)], 1.0, 0),
    ],
)
def test_the_lowest_confidence_that_is_precise_enough(rows: list[Row], precision: float, expected: float) -> None:
    background, found, absent = confidences(rows, precision)
    assert found * STEPS == pytest.approx(expected)
    assert absent == np.inf
    assert background == np.inf


@given(st.integers(0, 1000), st.floats(0.1, 1.0))
def test_pixels_from_there_on_are_as_precise_as_was_asked(seed: int, precision: float) -> None:
    rng = np.random.default_rng(seed)
    truth, labels = rng.integers(0, 3, (2, 40, 40), np.uint8)
    confidence = rng.integers(0, STEPS + 1, (40, 40)).astype(np.float32) / np.float32(STEPS)
    confidence = np.where(truth == labels, np.sqrt(confidence), confidence)
    lowest = confidences_for_precision([(truth, labels, confidence)], 3, precision)
    for label in range(3):
        believed = (labels == label) & (np.floor(confidence * STEPS) >= np.rint(lowest[label] * STEPS))
        if np.isfinite(lowest[label]):
            assert (truth[believed] == label).mean() >= precision
            assert (truth[believed] == label).sum() >= FEWEST_RIGHT
