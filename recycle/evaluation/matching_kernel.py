"""The loops that match boxes, compiled with Numba; boxes have the columns x1, y1, width, height in pixels."""

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from recycle.compilation import compiled

MISSED = -1
"""The row of the matched truth where there is none: a false positive."""
IGNORED = -2
"""The row of the matched truth where that is a crowd: neither right nor wrong."""


class Groups(NamedTuple):
    """Detections and true objects of one label on one image, for each such pair of which something was detected."""

    detections: npt.NDArray[np.int64]
    """Shape (groups + 1,): group g is the detections from detections[g] to detections[g + 1], by descending score."""
    truths: npt.NDArray[np.int64]
    """Shape (groups, 2): first and one past the last true object, crowds last."""


class Truths(NamedTuple):
    """True objects, sorted by image and label, crowds last."""

    boxes: npt.NDArray[np.float64]
    is_crowd: npt.NDArray[np.bool_]
    rows: npt.NDArray[np.int64]
    """What is said of a detection that matches the object: its row among those that count, or IGNORED."""


@compiled(parallel=True)
def match_groups(
    boxes: npt.NDArray[np.float64], groups: Groups, truths: Truths, iou_thrs: npt.NDArray[np.float64]
) -> npt.NDArray[np.int64]:
    """Matches detections to true objects greedily, as pycocotools does.

    Args:
        boxes: Shape (n, 4), the detections' boxes.
        groups: Which detections and objects may match.
        truths: The objects.
        iou_thrs: Shape (thresholds,).

    Returns:
        Shape (thresholds, n): what `truths.rows` says of the match, or MISSED.
    """
    matched = np.empty((len(iou_thrs), len(boxes)), np.int64)
    for group in numba.prange(len(groups.truths)):
        _match_group(np.int64(group), boxes, groups, truths, iou_thrs, matched)
    return matched


@compiled()
def _match_group(
    group: np.int64,
    boxes: npt.NDArray[np.float64],
    groups: Groups,
    truths: Truths,
    iou_thrs: npt.NDArray[np.float64],
    matched: npt.NDArray[np.int64],
) -> None:
    start, end = groups.truths[group]
    ious = np.empty(end - start)
    is_taken = np.zeros((len(iou_thrs), end - start), np.bool_)
    for detection in range(groups.detections[group], groups.detections[group + 1]):
        for place in range(end - start):
            ious[place] = iou_of(boxes[detection], truths.boxes[start + place], truths.is_crowd[start + place])
        for number in range(len(iou_thrs)):
            place = _best(ious, is_taken[number], truths.is_crowd[start:end], iou_thrs[number])
            if place < 0:
                matched[number, detection] = MISSED
            else:
                matched[number, detection] = truths.rows[start + place]
                is_taken[number, place] = not truths.is_crowd[start + place]


@compiled()
def _best(
    ious: npt.NDArray[np.float64], is_taken: npt.NDArray[np.bool_], is_crowd: npt.NDArray[np.bool_], iou_thr: float
) -> int:
    """Returns the last of the free objects that overlap most, a crowd only where no other does; or -1."""
    best, best_iou = -1, min(iou_thr, 1 - 1e-10)
    for place in range(len(ious)):
        if best >= 0 and is_crowd[place] and not is_crowd[best]:
            break
        if ious[place] >= best_iou and not is_taken[place]:
            best, best_iou = place, ious[place]
    return best


@compiled()
def iou_of(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64], is_crowd: bool) -> float:
    """Returns the intersection over the union, or over `one` if the other is a crowd; the rounding is pycocotools'."""
    width = min(one[2] + one[0], other[2] + other[0]) - max(one[0], other[0])
    height = min(one[3] + one[1], other[3] + other[1]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    overlap = width * height
    union = one[2] * one[3] if is_crowd else one[2] * one[3] + other[2] * other[3] - overlap
    return float(overlap / union)
