"""Which detection found which object: matched once, and kept for every score that is counted from it.

Average precision, its bootstrap intervals, the agreement of models and a mAP merged from several machines all take
`Matches`, so none of them looks at a box twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recycle.data.coco import Dataset
from recycle.errors import DataError
from recycle.evaluation.columns import TruthColumns, prediction_boxes, truth_columns
from recycle.evaluation.detection import MAX_DETECTIONS
from recycle.evaluation.matching_kernel import IGNORED, MISSED, Groups, Truths, match_groups
from recycle.predictions.values import Predictions

__all__ = ["IGNORED", "MISSED", "Matches", "match", "merge"]


@dataclass(frozen=True, eq=False)
class Matches:
    """One model's detections on some images and the objects that they found, both as parallel columns.

    Detections are the best `MAX_DETECTIONS` of each label on each image, sorted by image, label and descending score.
    Truths are the objects that count, which crowds do not, sorted by image and label. An image is given by its
    position in `image_ids`.

    Attributes:
        image_ids: Shape (images,), ascending: the images that the model covers, with or without boxes.
        iou_thrs: Shape (thresholds,).
        classes: Number of categories, which labels are below.
        images: Shape (n,), the image of each detection.
        labels: Shape (n,), index into the categories.
        scores: Shape (n,).
        boxes: Shape (n, 4), columns x1, y1, x2, y2 in pixels.
        truths: Shape (thresholds, n), the row of the truth that the detection found, MISSED where it found none, or
            IGNORED where it found a crowd and counts neither as right nor as wrong.
        truth_images: Shape (objects,), the image of each truth.
        truth_labels: Shape (objects,), index into the categories.
    """

    image_ids: npt.NDArray[np.int64]
    iou_thrs: npt.NDArray[np.float64]
    classes: int
    images: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int32]
    scores: npt.NDArray[np.float32]
    boxes: npt.NDArray[np.float32]
    truths: npt.NDArray[np.int64]
    truth_images: npt.NDArray[np.int64]
    truth_labels: npt.NDArray[np.int64]

    def __len__(self) -> int:
        """Returns the number of detections."""
        return len(self.images)

    @property
    def truth_counts(self) -> npt.NDArray[np.int64]:
        """Shape (images, classes): how many objects that count there are."""
        shape = len(self.image_ids), self.classes
        keys = self.truth_images * self.classes + self.truth_labels
        return np.bincount(keys, minlength=shape[0] * shape[1]).reshape(shape)


def match(predictions: Predictions, truth: Dataset, iou_thrs: Sequence[float] = (0.5,)) -> Matches:
    """Matches what one model detected to what is annotated, exactly as pycocotools does.

    Detections of one label on one image choose by descending score, equal scores in their present order, the object
    not yet taken that they overlap most.

    Args:
        predictions: Boxes of exactly one model.
        truth: The data set, which may hold further images.
        iou_thrs: How much a detection must overlap an object to find it, each above 0 and at most 1.

    Raises:
        DataError: If a threshold breaks the rule, there is not exactly one model, a label is not that of a class, or a
            covered image is not in the data set.
    """
    _check_thresholds(iou_thrs)
    classes, image_ids = len(truth.categories), predictions.covered
    boxes = prediction_boxes(predictions, classes)
    rows, keys = _ranked(predictions, image_ids, classes)
    truth_keys, truths = _sorted_truth(truth_columns(truth, image_ids), image_ids, classes)
    thresholds = np.array(iou_thrs, np.float64)
    return Matches(
        image_ids=image_ids,
        iou_thrs=thresholds,
        classes=classes,
        images=keys // classes,
        labels=predictions.labels[rows],
        scores=predictions.scores[rows],
        boxes=predictions.boxes[rows],
        truths=match_groups(boxes[rows], _groups(keys, truth_keys), truths, thresholds),
        truth_images=truth_keys[~truths.is_crowd] // classes,
        truth_labels=truth_keys[~truths.is_crowd] % classes,
    )


def merge(parts: Sequence[Matches]) -> Matches:
    """Joins what one model's matches are on images that no two parts share, in the order of the images.

    Scores of the result are those of the same images matched at once, to the last bit.

    Args:
        parts: Matches of the same thresholds and classes, from several machines for example.

    Raises:
        DataError: If there is no part, thresholds or classes differ, or two parts hold the same image.
    """
    _check_mergeable(parts)
    image_ids = np.sort(np.concatenate([part.image_ids for part in parts]))
    images = np.concatenate([np.searchsorted(image_ids, part.image_ids)[part.images] for part in parts])
    truth_images = np.concatenate([np.searchsorted(image_ids, part.image_ids)[part.truth_images] for part in parts])
    rows, truth_rows = (np.argsort(column, kind="stable") for column in (images, truth_images))
    return Matches(
        image_ids=image_ids,
        iou_thrs=parts[0].iou_thrs,
        classes=parts[0].classes,
        images=images[rows],
        labels=np.concatenate([part.labels for part in parts])[rows],
        scores=np.concatenate([part.scores for part in parts])[rows],
        boxes=np.concatenate([part.boxes for part in parts])[rows],
        truths=_moved_truths(parts, np.argsort(truth_rows))[:, rows],
        truth_images=truth_images[truth_rows],
        truth_labels=np.concatenate([part.truth_labels for part in parts])[truth_rows],
    )


def _ranked(
    predictions: Predictions, image_ids: npt.NDArray[np.int64], classes: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Returns the rows that count, in the order of `Matches`, and the key of each: image * classes + label."""
    keys = np.searchsorted(image_ids, predictions.image_ids) * classes + predictions.labels
    rows = np.lexsort((-predictions.scores, keys))
    keys = keys[rows]
    ranks = np.arange(len(keys)) - np.searchsorted(keys, keys)
    best = ranks < MAX_DETECTIONS
    return rows[best], keys[best]


def _sorted_truth(
    columns: TruthColumns, image_ids: npt.NDArray[np.int64], classes: int
) -> tuple[npt.NDArray[np.int64], Truths]:
    """Returns the key of each true object, as `_ranked`, and the objects in the order of their keys."""
    keys = np.searchsorted(image_ids, columns.image_ids) * classes + columns.labels
    order = np.lexsort((columns.is_crowd, keys))
    is_crowd = columns.is_crowd[order]
    rows = np.where(is_crowd, IGNORED, np.cumsum(~is_crowd) - 1)
    return keys[order], Truths(columns.boxes[order], is_crowd, rows)


def _groups(keys: npt.NDArray[np.int64], truth_keys: npt.NDArray[np.int64]) -> Groups:
    begins = np.flatnonzero(np.diff(keys, prepend=-1))
    sides = [np.searchsorted(truth_keys, keys[begins], side) for side in ("left", "right")]
    return Groups(np.append(begins, len(keys)), np.stack(sides, axis=1))


def _moved_truths(parts: Sequence[Matches], places: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Returns the parts' columns of truths side by side, each row replaced by its place among those of all parts."""
    lengths = [len(part.truth_images) for part in parts]
    starts = np.cumsum(lengths) - lengths
    rows = [
        np.where(part.truths < 0, part.truths, part.truths + start) for part, start in zip(parts, starts, strict=True)
    ]
    moved = np.concatenate(rows, axis=1)
    moved[moved >= 0] = places[moved[moved >= 0]]
    return moved


def _check_thresholds(iou_thrs: Sequence[float]) -> None:
    if not iou_thrs:
        raise DataError("IoU thresholds must be at least one, but got none.")
    for iou_thr in iou_thrs:
        if not 0 < iou_thr <= 1:
            raise DataError(f"IoU threshold must be above 0 and at most 1, but got iou_thr={iou_thr}.")


def _check_mergeable(parts: Sequence[Matches]) -> None:
    if not parts:
        raise DataError("Matches to merge must be at least one, but got none.")
    for part in parts:
        if not np.array_equal(part.iou_thrs, parts[0].iou_thrs):
            both = f"{parts[0].iou_thrs.tolist()} and {part.iou_thrs.tolist()}"
            raise DataError(f"Matches to merge must have the same IoU thresholds, but got {both}.")
        if part.classes != parts[0].classes:
            raise DataError(
                f"Matches to merge must have equally many classes, but got {parts[0].classes} and {part.classes}."
            )
    image_ids, counts = np.unique(np.concatenate([part.image_ids for part in parts]), return_counts=True)
    if (counts > 1).any():
        raise DataError(
            f"Matches to merge must share no image, but image {image_ids[np.argmax(counts > 1)]} is in two."
        )
