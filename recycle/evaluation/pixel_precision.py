"""From which share of the votes on the labels of pixels may be believed."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from recycle.predictions.probabilities import IGNORED

LabelMap = npt.NDArray[np.uint8]
Confidence = npt.NDArray[np.float32]
"""Shape (height, width): the share of the votes that a pixel's label has, 0 to 1."""

STEPS = 255
"""Confidences are told apart in so many steps."""

FEWEST_RIGHT = 100
"""With fewer right pixels, how often those of a class are right is not known: neighbours are right together."""


def confidences_for_precision(
    maps: Iterable[tuple[LabelMap, LabelMap, Confidence]], classes: int, precision: float
) -> npt.NDArray[np.float64]:
    """Returns the lowest confidence of each class from which on at least this part of its pixels is right.

    Args:
        maps: True label map, predicted label map and its confidence of each image, all of one shape.
        classes: Number of classes, the background included.
        precision: Above 0 and at most 1.

    Returns:
        Shape (classes,); infinite where no confidence does it, or fewer than `FEWEST_RIGHT` pixels would be right.
    """
    given, right = np.zeros((2, classes * (STEPS + 1)), np.int64)
    for truth, labels, confidence in maps:
        counts = truth != IGNORED
        places = labels[counts].astype(np.int64) * (STEPS + 1) + np.floor(confidence[counts] * STEPS).astype(np.int64)
        given += np.bincount(places, minlength=len(given))
        right += np.bincount(places[truth[counts] == labels[counts]], minlength=len(right))
    from_here = [_sums_from(one.reshape(classes, -1)) for one in (given, right)]
    good = (from_here[1] >= precision * from_here[0]) & (from_here[1] >= FEWEST_RIGHT)
    return np.where(good.any(axis=1), good.argmax(axis=1) / STEPS, np.inf)


def _sums_from(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Sums along the last axis of a place and all after it."""
    return np.asarray(counts[:, ::-1].cumsum(axis=1)[:, ::-1])
