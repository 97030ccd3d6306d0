"""Average precision counted from matches, of the images as they are or of any draw of them."""

from typing import Any

import numpy as np
import numpy.typing as npt

from recycle.errors import DataError
from recycle.evaluation.average_precision_kernel import LANES, Draws, Ranking, average_precisions
from recycle.evaluation.matching import IGNORED, Matches

Counts = npt.NDArray[np.integer[Any]]


def mean_average_precision(matches: Matches, image_counts: Counts | None = None) -> float:
    """Returns the mean over the IoU thresholds and the classes that have objects, and 0 where none has.

    It is pycocotools' to rounding.

    Args:
        matches: One model's.
        image_counts: Shape (images,), how often each image counts, which is the same as repeating it; else once.

    Raises:
        DataError: If `image_counts` has another shape, or is not of whole numbers from 0.
    """
    counts = np.ones(len(matches.image_ids), np.int64) if image_counts is None else image_counts
    return float(drawn_mean_average_precisions(matches, make_draws(matches, counts[np.newaxis]))[0])


def class_average_precisions(matches: Matches) -> npt.NDArray[np.float64]:
    """Returns average precision interpolated at 101 recalls, shape (thresholds, classes), NaN without objects."""
    once = np.ones((1, len(matches.image_ids)), np.int64)
    return drawn_average_precisions(matches, make_draws(matches, once))[..., 0]


def make_draws(matches: Matches, image_counts: Counts) -> Draws:
    """Prepares draws of images for `drawn_mean_average_precisions` of any model on the same images and truth.

    Args:
        matches: One model's.
        image_counts: Shape (draws, images), how often each image counts.

    Raises:
        DataError: If `image_counts` has another shape, or is not of whole numbers from 0.
    """
    _check_counts(image_counts, len(matches.image_ids))
    blocks = -(-len(image_counts) // LANES)
    lanes = np.zeros((blocks * LANES, image_counts.shape[1]), np.int32)
    lanes[: len(image_counts)] = image_counts
    counts = np.ascontiguousarray(lanes.reshape(blocks, LANES, -1).transpose(0, 2, 1))
    # As floats, which are exact here, because NumPy is slow to multiply matrices of integers.
    truths = matches.truth_counts.T.astype(np.float64) @ counts.astype(np.float64)
    return Draws(counts, truths.astype(np.int64), len(image_counts))


def drawn_mean_average_precisions(matches: Matches, draws: Draws) -> npt.NDArray[np.float64]:
    """Returns what `mean_average_precision` is in each draw, shape (draws,).

    A class of which no object was drawn is left out of the mean of that draw.

    Raises:
        DataError: If the draws are not of as many images and classes.
    """
    values = drawn_average_precisions(matches, draws)
    known = ~np.isnan(values)
    sums, counts = np.where(known, values, 0).sum(axis=(0, 1)), known.sum(axis=(0, 1))
    means: npt.NDArray[np.float64] = np.divide(sums, counts, out=np.zeros(len(sums)), where=counts > 0)
    return means


def drawn_average_precisions(matches: Matches, draws: Draws) -> npt.NDArray[np.float64]:
    """Returns average precision in each draw, shape (thresholds, classes, draws), NaN where no object was drawn.

    Raises:
        DataError: If the draws are not of as many images and classes.
    """
    shape, drawn = (len(matches.image_ids), matches.classes), (draws.counts.shape[1], draws.truths.shape[1])
    if drawn != shape:
        raise DataError(
            f"Draws must be of {shape[0]} images and {shape[1]} classes, but got {drawn[0]} and {drawn[1]}."
        )
    by_block = np.stack([average_precisions(ranking, draws) for ranking in _rankings(matches)])
    values: npt.NDArray[np.float64] = by_block.transpose(0, 2, 1, 3).reshape(len(by_block), matches.classes, -1)
    return values[..., : draws.size]


def _rankings(matches: Matches) -> list[Ranking]:
    """One ranking for each threshold."""
    order = np.lexsort((-matches.scores, matches.labels))
    return [_ranking(matches, order[truths[order] != IGNORED], truths) for truths in matches.truths]


def _ranking(matches: Matches, rows: npt.NDArray[np.int64], truths: npt.NDArray[np.int64]) -> Ranking:
    labels, is_true = matches.labels[rows], truths[rows] >= 0
    starts, ends = (np.searchsorted(labels, np.arange(matches.classes), side) for side in ("left", "right"))
    # What comes after the last true positive changes nothing.
    trues = np.flatnonzero(is_true)
    last = np.append(-1, trues)[np.searchsorted(trues, ends)]
    return Ranking(
        bounds=np.stack([starts, np.maximum(last + 1, starts)], axis=1),
        images=matches.images[rows].astype(np.int32),
        is_true=is_true,
        run_lengths=_run_lengths(matches.images[rows], labels, matches.scores[rows], is_true),
    )


def _run_lengths(
    images: npt.NDArray[np.int64],
    labels: npt.NDArray[np.int32],
    scores: npt.NDArray[np.float32],
    is_true: npt.NDArray[np.bool_],
) -> npt.NDArray[np.int32]:
    """Length of the run of equal scores on one image that starts at a row, if true and false ones are mixed; else 1."""
    begins = np.ones(len(images), np.bool_)
    begins[1:] = (images[1:] != images[:-1]) | (labels[1:] != labels[:-1]) | (scores[1:] != scores[:-1])
    starts = np.flatnonzero(begins)
    sizes = np.diff(starts, append=len(images))
    trues = np.add.reduceat(is_true.astype(np.int64), starts) if len(starts) else np.zeros(0, np.int64)
    lengths = np.ones(len(images), np.int32)
    lengths[starts] = np.where((trues > 0) & (trues < sizes), sizes, 1)
    return lengths


def _check_counts(image_counts: Counts, images: int) -> None:
    if image_counts.ndim != 2 or image_counts.shape[1] != images:
        raise DataError(
            f"Image counts must be one for each of {images} images, but got shape {image_counts.shape[1:]}."
        )
    if not np.issubdtype(image_counts.dtype, np.integer) or (image_counts < 0).any():
        raise DataError(f"Image counts must be whole numbers from 0, but got {image_counts.min()}.")
