"""Predictions as the columns that the kernel of weighted boxes fusion takes."""

from collections.abc import Mapping
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from recycle.compilation import compiled
from recycle.errors import DataError
from recycle.fusion.sorting import stable_order
from recycle.fusion.wbf_kernel import Columns, Fused
from recycle.predictions.boxes import has_area
from recycle.predictions.values import Predictions


class Frame(NamedTuple):
    """The images that any model covers."""

    image_ids: npt.NDArray[np.int64]
    """Shape (images,), ascending."""
    limits: npt.NDArray[np.float64]
    """Shape (images, 4), columns width, height, width, height in pixels."""


class Grouped(NamedTuple):
    """Predictions made ready once, to be fused with many settings."""

    frame: Frame
    models: int
    labels: npt.NDArray[np.int32]
    """The labels that occur, ascending."""
    rows: npt.NDArray[np.int64]
    """Shape (n,): the row of the predictions that each row of the columns was."""
    columns: Columns
    """Labels are indices into `labels`."""

    def with_scores(self, scores: npt.NDArray[np.float32]) -> "Grouped":
        """Returns the same boxes with other scores, shape (n,), in the order of the predictions."""
        return self._replace(columns=self.columns._replace(scores=scores[self.rows]))


def group(predictions: Predictions, sizes: Mapping[int, tuple[int, int]]) -> Grouped:
    """Sorts boxes by image and label, and divides them by the size of their image.

    Args:
        predictions: Boxes of one or more models.
        sizes: Width and height in pixels, by image id, of every covered image.

    Raises:
        DataError: If there is no model, a covered image has no size, or a box leaves its image.
    """
    if not predictions.models:
        raise DataError("Predictions to fuse must be of at least one model, but got none.")
    frame = _covered_frame(predictions, sizes)
    images = np.searchsorted(frame.image_ids, predictions.image_ids)
    labels = np.unique(predictions.labels)
    keys = np.searchsorted(labels, predictions.labels)
    rows = stable_order(images, stable_order(keys, np.arange(len(images)), len(labels)), len(frame.image_ids))
    images, keys = images[rows], keys[rows]
    fractions = _fractions(predictions.boxes, frame.limits, rows, images)
    _check_inside(predictions, frame, fractions, rows, images)
    begins = np.flatnonzero(np.diff(images, prepend=-1) | np.diff(keys, prepend=-1))
    columns = Columns(
        image_groups=np.searchsorted(images[begins], np.arange(len(frame.image_ids) + 1)),
        group_rows=np.append(begins, len(rows)),
        labels=keys[begins],
        boxes=fractions,
        scores=predictions.scores[rows],
        models=predictions.model_ids[rows],
        covers=np.stack([np.isin(frame.image_ids, ids) for ids in predictions.coverage], axis=1),
    )
    return Grouped(frame, len(predictions.models), labels, rows, columns)


def ungroup(fused: Fused, grouped: Grouped, name: str) -> Predictions:
    """Takes fused boxes back to pixels, cut at the borders of their images, and scores cut at 1.

    Args:
        fused: What became of the columns.
        grouped: What was fused.
        name: What the fused model is called.
    """
    frame, columns = grouped.frame, grouped.columns
    ends = np.cumsum(fused.counts)
    images = np.repeat(np.arange(len(ends)), fused.counts)
    starts = columns.group_rows[columns.image_groups[:-1]]
    rows = np.arange(len(images)) + (starts - ends + fused.counts)[images]
    boxes = _pixels(fused.boxes, frame.limits, rows, images)
    kept = np.flatnonzero(has_area(boxes))
    return Predictions(
        image_ids=frame.image_ids[images[kept]],
        model_ids=np.zeros(len(kept), np.int32),
        boxes=boxes[kept],
        scores=np.minimum(fused.scores[rows[kept]], 1).astype(np.float32),
        labels=grouped.labels[fused.labels[rows[kept]]],
        models=(name,),
        coverage=(frame.image_ids,),
    )


def _covered_frame(predictions: Predictions, sizes: Mapping[int, tuple[int, int]]) -> Frame:
    image_ids = predictions.covered
    missing = [image_id for image_id in image_ids.tolist() if image_id not in sizes]
    if missing:
        raise DataError(f"Every predicted image must have a size, but image {missing[0]} has none.")
    pairs = np.array([sizes[image_id] for image_id in image_ids.tolist()], np.float64).reshape(-1, 2)
    return Frame(image_ids, np.tile(pairs, 2))


@compiled(parallel=True)
def _fractions(
    boxes: npt.NDArray[np.float32],
    limits: npt.NDArray[np.float64],
    rows: npt.NDArray[np.int64],
    images: npt.NDArray[np.int64],
) -> npt.NDArray[np.float64]:
    result = np.empty((len(rows), 4))
    for place in numba.prange(len(rows)):
        for side in range(4):
            result[place, side] = boxes[rows[place], side] / limits[images[place], side]
    return result


@compiled(parallel=True)
def _pixels(
    boxes: npt.NDArray[np.float64],
    limits: npt.NDArray[np.float64],
    rows: npt.NDArray[np.int64],
    images: npt.NDArray[np.int64],
) -> npt.NDArray[np.float32]:
    result = np.empty((len(rows), 4), np.float32)
    for place in numba.prange(len(rows)):
        for side in range(4):
            limit = limits[images[place], side]
            result[place, side] = min(max(boxes[rows[place], side] * limit, 0.0), limit)
    return result


def _check_inside(
    predictions: Predictions,
    frame: Frame,
    fractions: npt.NDArray[np.float64],
    rows: npt.NDArray[np.int64],
    images: npt.NDArray[np.int64],
) -> None:
    if fractions.min(initial=0) < 0 or fractions.max(initial=1) > 1:
        outside = np.flatnonzero(((fractions < 0) | (fractions > 1)).any(axis=1))
        place = outside[np.argmin(rows[outside])]
        row, limits = rows[place], frame.limits[images[place]]
        raise DataError(
            f"Predictions row {row} (image {predictions.image_ids[row]}): box must lie within the image of "
            f"{limits[0]:g} x {limits[1]:g} pixels, but got {predictions.boxes[row]}."
        )
