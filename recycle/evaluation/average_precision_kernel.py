"""The loops that count average precision, compiled with Numba, for several draws of the images at once.

A draw says how often each image counts. Draws lie side by side in blocks of `LANES`, so that one pass over a model's
detections serves a whole block.
"""

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from recycle.compilation import compiled

LANES = 16
"""Draws in a block: their counts of one image fill one line of the cache."""

_RECALLS = np.linspace(0, 1, 101)


class Ranking(NamedTuple):
    """One model's detections at one IoU threshold, those of each label by descending score."""

    bounds: npt.NDArray[np.int64]
    """Shape (classes, 2): first and one past the last detection of each label."""
    images: npt.NDArray[np.int32]
    """Shape (n,), position of the image."""
    is_true: npt.NDArray[np.bool_]
    """Shape (n,)."""
    run_lengths: npt.NDArray[np.int32]
    """Shape (n,): how many detections from here on an image that counts twice repeats as a whole."""


class Draws(NamedTuple):
    """How often images count."""

    counts: npt.NDArray[np.int32]
    """Shape (blocks, images, LANES)."""
    truths: npt.NDArray[np.int64]
    """Shape (blocks, classes, LANES): how many objects that makes."""
    size: int
    """How many draws; the lanes after them are empty."""


class _Steps(NamedTuple):
    """How many true positives, and how many detections, there are up to each true positive."""

    found: npt.NDArray[np.int32]
    """Shape (true positives, LANES)."""
    seen: npt.NDArray[np.int32]


@compiled(parallel=True)
def average_precisions(ranking: Ranking, draws: Draws) -> npt.NDArray[np.float64]:
    """Returns the average precision of each draw and label, NaN where there is no object.

    Precision is interpolated at 101 recalls as pycocotools does.

    Returns:
        Shape (blocks, classes, LANES).
    """
    result = np.empty(draws.truths.shape)
    blocks, classes, _ = draws.truths.shape
    for block in numba.prange(blocks):
        for label in range(classes):
            _envelope(_steps(ranking, label, draws.counts[block]), draws.truths[block, label], result[block, label])
    return result


@compiled()
def _steps(ranking: Ranking, label: int, counts: npt.NDArray[np.int32]) -> _Steps:
    row, end = ranking.bounds[label]
    count = _step_count(ranking, row, end, counts)
    steps = _Steps(np.empty((count, LANES), np.int32), np.empty((count, LANES), np.int32))
    totals, step = np.zeros((2, LANES), np.int32), 0
    while row < end:
        run = _next_run(ranking, row, end)
        step = _take(ranking.is_true[row:run], ranking.images[row:run], counts, totals, steps, step)
        row = run
        if run < end:
            row += ranking.run_lengths[run]
            step = _take_run(ranking.is_true[run:row], counts[ranking.images[run]], totals, steps, step)
    return steps


@compiled()
def _next_run(ranking: Ranking, row: int, end: int) -> int:
    while row < end and ranking.run_lengths[row] == 1:
        row += 1
    return row


@compiled()
def _step_count(ranking: Ranking, start: int, end: int, counts: npt.NDArray[np.int32]) -> int:
    steps = 0
    for row in range(start, end):
        steps += ranking.is_true[row]
        if ranking.run_lengths[row] > 1:
            repeated = ranking.is_true[row : row + ranking.run_lengths[row]].sum()
            steps += repeated * (max(counts[ranking.images[row]].max(), 1) - 1)
    return steps


@compiled()
def _take(
    is_true: npt.NDArray[np.bool_],
    images: npt.NDArray[np.int32],
    counts: npt.NDArray[np.int32],
    totals: npt.NDArray[np.int32],
    steps: _Steps,
    step: int,
) -> int:
    """Counts detections in, one after the other; returns the number of steps."""
    for row in range(len(images)):
        image = images[row]
        for lane in range(LANES):
            totals[1, lane] += counts[image, lane]
        if is_true[row]:
            for lane in range(LANES):
                totals[0, lane] += counts[image, lane]
                steps.found[step, lane] = totals[0, lane]
                steps.seen[step, lane] = totals[1, lane]
            step += 1
    return step


@compiled()
def _take_run(
    is_true: npt.NDArray[np.bool_],
    weights: npt.NDArray[np.int32],
    totals: npt.NDArray[np.int32],
    steps: _Steps,
    step: int,
) -> int:
    """Counts a run in as often as its image counts, each time as a whole."""
    copy, same = np.empty((1, LANES), np.int32), np.zeros(len(is_true), np.int32)
    for number in range(max(weights.max(), 1)):
        copy[0] = weights > number
        step = _take(is_true, same, copy, totals, steps, step)
    return step


@compiled()
def _envelope(steps: _Steps, truths: npt.NDArray[np.int64], result: npt.NDArray[np.float64]) -> None:
    precisions, highest = np.empty(steps.found.shape), np.zeros(LANES)
    for step in range(len(precisions) - 1, -1, -1):
        for lane in range(LANES):
            highest[lane] = max(highest[lane], steps.found[step, lane] / max(steps.seen[step, lane], 1))
            precisions[step, lane] = highest[lane]
    for lane in range(LANES):
        result[lane] = interpolated(steps.found[:, lane], precisions[:, lane], truths[lane])


@compiled()
def interpolated(found: npt.NDArray[np.int32], precisions: npt.NDArray[np.float64], truths: int) -> float:
    """Returns the mean over the recalls of the highest precision at that recall or a higher one.

    Args:
        found: Shape (n,), ascending, how many objects are found up to each true positive.
        precisions: Shape (n,), the highest precision from each true positive on.
        truths: How many objects there are; of none the result is NaN.
    """
    if truths == 0:
        return float(np.nan)
    step, total = 0, 0.0
    for recall in _RECALLS:
        needed = _needed(recall, truths)
        while step < len(found) and found[step] < needed:
            step += 1
        if step == len(found):
            break
        total += precisions[step]
    return total / len(_RECALLS)


@compiled()
def _needed(recall: float, truths: int) -> int:
    """Returns the least number of objects of which the fraction, as it is rounded, reaches the recall."""
    needed = int(np.ceil(recall * truths))
    while needed > 0 and (needed - 1) / truths >= recall:
        needed -= 1
    while needed / truths < recall:
        needed += 1
    return needed
