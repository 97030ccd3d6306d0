"""From which score on boxes may serve as labels, and how good labels are that were made of them."""

import numpy as np
import numpy.typing as npt

from recycle.evaluation.label_counts import LabelQuality
from recycle.evaluation.matching import IGNORED, Matches

FEWEST_RIGHT = 5
"""With fewer right boxes, how often a class's boxes are right is not known."""


def thresholds_for_precision(matches: Matches, precision: float) -> npt.NDArray[np.float64]:
    """Returns the lowest score of each class from which on at least this part of its boxes is right.

    Args:
        matches: One model's; the first IoU threshold counts.
        precision: Above 0 and at most 1.

    Returns:
        Shape (classes,); infinite where no score does it, or fewer than `FEWEST_RIGHT` boxes would be right.
    """
    counts = matches.truths[0] != IGNORED
    labels, scores = matches.labels[counts], matches.scores[counts]
    is_right = matches.truths[0][counts] >= 0
    return np.array(
        [
            _lowest_score(scores[labels == label], is_right[labels == label], precision)
            for label in range(matches.classes)
        ],
        np.float64,
    )


def label_quality(matches: Matches) -> tuple[LabelQuality, ...]:
    """Returns the quality of labels for each class.

    Args:
        matches: Of the labels alone, as if they were one model's detections; the first IoU threshold counts.
    """
    found = matches.truths[0]
    labels = np.bincount(matches.labels[found != IGNORED], minlength=matches.classes)
    right = np.bincount(matches.labels[found >= 0], minlength=matches.classes)
    objects = np.bincount(matches.truth_labels, minlength=matches.classes)
    rows = zip(labels.tolist(), right.tolist(), objects.tolist(), strict=True)
    return tuple(LabelQuality(*row) for row in rows)


def _lowest_score(scores: npt.NDArray[np.float32], is_right: npt.NDArray[np.bool_], precision: float) -> float:
    if not len(scores):
        return np.inf
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.diff(scores[order], append=-1))  # boxes of one score stand or fall together
    right = np.cumsum(is_right[order])[ends]
    good = (right / (ends + 1) >= precision) & (right >= FEWEST_RIGHT)
    return float(scores[order][ends[good][-1]]) if good.any() else np.inf
