"""The images that cost most: by how much mAP50 would rise if each were detected perfectly."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recycle.data.coco import Dataset, TruthBoxes
from recycle.evaluation.agreement import best_f1_threshold
from recycle.evaluation.average_precision import class_average_precisions
from recycle.evaluation.image_losses_kernel import Ranks, perfected_average_precisions
from recycle.evaluation.matching import IGNORED, MISSED, Matches, match
from recycle.predictions.values import Predictions

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Boxes:
    """Some boxes of one image.

    Attributes:
        boxes: Columns x1, y1, x2, y2 in pixels.
        labels: Index into the categories of each box.
        scores: Of each box; none where these are objects.
    """

    boxes: tuple[tuple[float, float, float, float], ...]
    labels: tuple[int, ...]
    scores: tuple[float, ...] = ()


@dataclass(frozen=True)
class ImageLoss:
    """What one image costs.

    Attributes:
        image_id: The image.
        loss: By how much mAP50 over all images would rise if exactly this image's objects were found on it, before
            every other detection.
        score_thr: Only detections from this score on are listed: where the model's F1 is highest.
        missed: Objects that no such detection found.
        false: Detections that found nothing.
        right: Detections that found an object.
    """

    image_id: int
    loss: float
    score_thr: float
    missed: Boxes
    false: Boxes
    right: Boxes


def worst_images(predictions: Predictions, truth: Dataset, count: int) -> tuple[ImageLoss, ...]:
    """Finds the images that cost most, the most costly first; those that cost nothing are left out.

    Args:
        predictions: Boxes of exactly one model.
        truth: The data set, which may hold further images.
        count: How many images at most.

    Raises:
        DataError: If predictions do not fit the truth, see `match`.
    """
    matches = match(predictions, truth)
    losses = image_losses(matches)
    score_thr = best_f1_threshold(matches)
    worst, columns = np.argsort(-losses, kind="stable")[:count], truth.boxes()
    return tuple(
        _describe(matches, columns, position, float(losses[position]), score_thr)
        for position in worst.tolist()
        if losses[position] > 0
    )


def image_losses(matches: Matches) -> npt.NDArray[np.float64]:
    """Returns by how much mAP would rise if an image were detected perfectly, for each image.

    Args:
        matches: Of one model, at one IoU threshold.

    Returns:
        Shape (images,), in the order of `matches.image_ids`; 0 where no class has objects.
    """
    now = class_average_precisions(matches)[0]
    known = np.flatnonzero(~np.isnan(now))
    losses = np.zeros(len(matches.image_ids))
    objects = matches.truth_counts
    for label in known.tolist():
        perfected = perfected_average_precisions(_ranks(matches, label), objects[:, label])
        losses += (perfected - now[label]) / len(known)
    return losses


def _ranks(matches: Matches, label: int) -> Ranks:
    """Ranks one class's detections that count, equal scores in the order of the images."""
    rows = np.flatnonzero((matches.labels == label) & (matches.truths[0] != IGNORED))
    rows = rows[np.argsort(-matches.scores[rows], kind="stable")]
    images, is_true = matches.images[rows], matches.truths[0][rows] != MISSED
    order = np.argsort(images, kind="stable")
    starts = np.searchsorted(images[order], np.arange(len(matches.image_ids) + 1))
    return Ranks(np.flatnonzero(is_true), images[is_true], order, starts)


def _describe(matches: Matches, truth: TruthBoxes, position: int, loss: float, score_thr: float) -> ImageLoss:
    rows = np.flatnonzero((matches.images == position) & (matches.scores >= score_thr))
    found = matches.truths[0][rows]
    image_id = int(matches.image_ids[position])
    return ImageLoss(
        image_id=image_id,
        loss=loss,
        score_thr=score_thr,
        missed=_missed(matches, truth, position, found),
        false=_detections(matches, rows[found == MISSED]),
        right=_detections(matches, rows[found >= 0]),
    )


def _missed(matches: Matches, truth: TruthBoxes, position: int, found: Rows) -> Boxes:
    """Objects of matches are sorted by image and label, and within them in the order of the data set."""
    own = np.flatnonzero((truth.image_ids == matches.image_ids[position]) & ~truth.is_crowd)
    own = own[np.argsort(truth.labels[own], kind="stable")]
    rows = np.flatnonzero(matches.truth_images == position)
    missed = own[~np.isin(rows, found)]
    return Boxes(tuple(_corners(truth.boxes[missed])), tuple(truth.labels[missed].tolist()))


def _detections(matches: Matches, rows: Rows) -> Boxes:
    rows = rows[np.argsort(-matches.scores[rows], kind="stable")]
    return Boxes(
        tuple(_corners(matches.boxes[rows])),
        tuple(matches.labels[rows].tolist()),
        tuple(matches.scores[rows].tolist()),
    )


def _corners(boxes: npt.NDArray[np.float32]) -> Iterator[tuple[float, float, float, float]]:
    for row in boxes.tolist():
        yield row[0], row[1], row[2], row[3]
