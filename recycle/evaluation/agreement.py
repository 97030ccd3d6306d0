"""How much models agree: in the objects that they find, and in the errors that they make.

Only detections count that a model would be used with: those from the score at which its F1 is highest. Below it nearly
every model has some weak box on nearly everything, and all would seem to agree.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recycle.compilation import compiled
from recycle.errors import DataError
from recycle.evaluation.matching import IGNORED, MISSED, Matches
from recycle.evaluation.matching_kernel import iou_of
from recycle.predictions.boxes import xyxy_to_xywh

IOU_THR = 0.5
"""From here on an object is found, and two errors are the same."""


@dataclass(frozen=True, eq=False)
class Agreement:
    """What each pair of models has in common on the images that both cover; matrices are symmetric, without NaN.

    Attributes:
        names: The models'.
        score_thrs: By model, the score from which its detections count.
        found: Shape (models, models), the correlation (phi coefficient, from -1 to 1) of which objects are found.
            Where it is undefined, because a model finds all or none or there are none, it is 1 if both find the same
            and else 0.
        errors: Shape (models, models), the fraction (Dice, from 0 to 1) of both models' false positives that overlap
            one of the other's with the same label by an IoU of at least 0.5; where neither has any it is 1.
    """

    names: tuple[str, ...]
    score_thrs: tuple[float, ...]
    found: npt.NDArray[np.float64]
    errors: npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Outcome:
    """Of one model: its images, which objects it finds, and its errors, both sorted by image and label."""

    image_ids: npt.NDArray[np.int64]
    truth_image_ids: npt.NDArray[np.int64]
    truth_labels: npt.NDArray[np.int64]
    is_found: npt.NDArray[np.bool_]
    error_image_ids: npt.NDArray[np.int64]
    error_labels: npt.NDArray[np.int32]
    error_boxes: npt.NDArray[np.float64]

    def on(self, image_ids: npt.NDArray[np.int64]) -> "_Outcome":
        """The outcome on some of the images."""
        truths, errors = np.isin(self.truth_image_ids, image_ids), np.isin(self.error_image_ids, image_ids)
        return _Outcome(
            image_ids,
            self.truth_image_ids[truths],
            self.truth_labels[truths],
            self.is_found[truths],
            self.error_image_ids[errors],
            self.error_labels[errors],
            self.error_boxes[errors],
        )


def agreement(models: Mapping[str, Matches]) -> Agreement:
    """Compares every pair of models on the images that both cover; without a common image they agree by 0.

    Args:
        models: Matches by the model's name, of the same truth, with 0.5 among their IoU thresholds.

    Raises:
        DataError: If 0.5 is not among the IoU thresholds, or the objects on a common image differ.
    """
    score_thrs = {name: best_f1_threshold(matches) for name, matches in models.items()}
    outcomes = [_outcome(matches, score_thrs[name]) for name, matches in models.items()]
    found, errors = np.zeros((2, len(models), len(models)))
    for one in range(len(models)):
        for other in range(one, len(models)):
            pair = _common(outcomes[one], outcomes[other])
            found[one, other] = found[other, one] = _correlation(*pair)
            errors[one, other] = errors[other, one] = _shared_errors(*pair)
    return Agreement(tuple(models), tuple(score_thrs.values()), found, errors)


def best_f1_threshold(matches: Matches) -> float:
    """Returns the score from which on a model's detections, of all labels together, have the highest F1 at IoU 0.5.

    The highest such score on a tie, and 1 where nothing is detected.

    Raises:
        DataError: If 0.5 is not among the IoU thresholds.
    """
    truths = _truths(matches)
    scores, is_true = matches.scores[truths != IGNORED], truths[truths != IGNORED] >= 0
    if not len(scores):
        return 1.0
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.diff(scores[order], append=-1))
    found = np.cumsum(is_true[order])[ends]
    f1 = 2 * found / (ends + 1 + len(matches.truth_images))
    return float(scores[order][ends[np.argmax(f1)]])


def _truths(matches: Matches) -> npt.NDArray[np.int64]:
    if IOU_THR not in matches.iou_thrs:
        raise DataError(f"IoU thresholds must hold {IOU_THR}, but got {matches.iou_thrs.tolist()}.")
    row: npt.NDArray[np.int64] = matches.truths[np.argmax(matches.iou_thrs == IOU_THR)]
    return row


def _outcome(matches: Matches, score_thr: float) -> _Outcome:
    truths, counts = _truths(matches), matches.scores >= score_thr
    is_found = np.zeros(len(matches.truth_images), np.bool_)
    is_found[truths[counts & (truths >= 0)]] = True
    errors = counts & (truths == MISSED)
    return _Outcome(
        image_ids=matches.image_ids,
        truth_image_ids=matches.image_ids[matches.truth_images],
        truth_labels=matches.truth_labels,
        is_found=is_found,
        error_image_ids=matches.image_ids[matches.images[errors]],
        error_labels=matches.labels[errors],
        error_boxes=xyxy_to_xywh(matches.boxes[errors].astype(np.float64)),
    )


def _common(one: _Outcome, other: _Outcome) -> tuple[_Outcome, _Outcome]:
    if not np.array_equal(one.image_ids, other.image_ids):
        common = np.intersect1d(one.image_ids, other.image_ids)
        one, other = one.on(common), other.on(common)
    for name in ("truth_image_ids", "truth_labels"):
        if not np.array_equal(getattr(one, name), getattr(other, name)):
            raise DataError(f"Models to compare must be matched to the same truth, but {name} differ.")
    return one, other


def _correlation(one: _Outcome, other: _Outcome) -> float:
    if not len(one.image_ids):
        return 0.0
    first, second = one.is_found.astype(np.float64), other.is_found.astype(np.float64)
    if not len(first) or np.ptp(first) == 0 or np.ptp(second) == 0:
        return float(np.array_equal(first, second))
    return float(np.corrcoef(first, second)[0, 1])


def _shared_errors(one: _Outcome, other: _Outcome) -> float:
    if not len(one.image_ids):
        return 0.0
    total = len(one.error_labels) + len(other.error_labels)
    return (_repeated(one, other) + _repeated(other, one)) / total if total else 1.0


def _repeated(one: _Outcome, other: _Outcome) -> int:
    """How many of one model's errors the other makes too."""
    classes = max(one.error_labels.max(initial=0), other.error_labels.max(initial=0)) + 1
    keys, others = (
        np.searchsorted(each.image_ids, each.error_image_ids) * classes + each.error_labels for each in (one, other)
    )
    ranges = np.stack([np.searchsorted(others, keys, side) for side in ("left", "right")], axis=1)
    return _count_overlapping(one.error_boxes, other.error_boxes, ranges)


@compiled()
def _count_overlapping(
    boxes: npt.NDArray[np.float64], others: npt.NDArray[np.float64], ranges: npt.NDArray[np.int64]
) -> int:
    count = 0
    for row in range(len(boxes)):
        for other in range(ranges[row, 0], ranges[row, 1]):
            if iou_of(boxes[row], others[other], False) >= IOU_THR:
                count += 1
                break
    return count
