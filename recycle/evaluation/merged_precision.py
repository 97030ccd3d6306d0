"""The mean average precision of images that were matched in several places, from as little as it can be counted from.

Joined `Matches` would tell the same, but hold boxes and images, and would have to be sorted anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recycle.evaluation.average_precision_kernel import LANES, Draws, Ranking, average_precisions
from recycle.evaluation.matching import IGNORED, MISSED, Matches

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Ranked:
    """One model's detections on some images as mAP needs them, sorted by label and, within it, by descending score.

    Attributes:
        ends: Shape (classes,), one past the last detection of each label.
        scores: Shape (n,).
        outcomes: Shape (thresholds, n), 0 where the detection found an object, else MISSED or IGNORED.
        truth_counts: Shape (classes,): how many objects that count there are.
    """

    ends: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float32]
    outcomes: npt.NDArray[np.int8]
    truth_counts: npt.NDArray[np.int64]

    def rows_of(self, label: int) -> slice:
        """Returns where the detections of a label are."""
        return slice(self.ends[label - 1] if label else 0, self.ends[label])


def rank(matches: Matches) -> Ranked:
    """Keeps of matches what mAP needs; equal scores stay in the order of the images."""
    order = np.lexsort((-matches.scores, matches.labels))
    return Ranked(
        ends=np.cumsum(np.bincount(matches.labels, minlength=matches.classes)),
        scores=matches.scores[order],
        outcomes=np.minimum(matches.truths, 0)[:, order].astype(np.int8),
        truth_counts=matches.truth_counts.sum(axis=0),
    )


def merged_mean_average_precision(parts: Sequence[Ranked]) -> float:
    """Returns what `mean_average_precision` is of all parts' images together.

    Args:
        parts: At least one, of the same thresholds and classes; every image of a part comes before those of the next.
    """
    order = [_merged_order(parts, label) for label in range(len(parts[0].ends))]
    ends, rows = np.cumsum([len(some) for some in order]), np.concatenate(order)
    truths = np.zeros((1, len(order), LANES), np.int64)
    truths[0, :, 0] = sum(part.truth_counts for part in parts)
    draws = Draws(np.ones((1, 1, LANES), np.int32), truths, size=1)
    outcomes = np.concatenate([part.outcomes for part in parts], axis=1)
    values = np.stack([average_precisions(_ranking(row[rows], ends), draws)[0, :, 0] for row in outcomes])
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else 0.0


def _merged_order(parts: Sequence[Ranked], label: int) -> Rows:
    """Returns the rows of one label among those of all parts, by descending score and then by part."""
    slices = [part.rows_of(label) for part in parts]
    lengths = [len(part.scores) for part in parts]
    scores = np.concatenate([part.scores[rows] for part, rows in zip(parts, slices, strict=True)])
    starts = np.cumsum(lengths) - lengths
    places = np.concatenate([np.arange(s.start, s.stop) + start for s, start in zip(slices, starts, strict=True)])
    order: Rows = places[np.argsort(-scores, kind="stable")]
    return order


def _ranking(outcomes: npt.NDArray[np.int8], ends: Rows) -> Ranking:
    """Makes the ranking of images that all count once, so that none has to be told from another."""
    kept = outcomes != IGNORED
    ends = np.append(0, np.cumsum(kept))[ends]
    count = np.count_nonzero(kept)
    return Ranking(
        bounds=np.stack([np.append(0, ends[:-1]), ends], axis=1),
        images=np.zeros(count, np.int32),
        is_true=outcomes[kept] != MISSED,
        run_lengths=np.ones(count, np.int32),
    )
