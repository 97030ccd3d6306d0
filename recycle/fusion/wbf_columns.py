"""Predictions as the columns that the kernel of weighted boxes fusion takes."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from recycle.errors import DataError
from recycle.fusion.sorting import stable_order
from recycle.fusion.wbf_kernel import Columns
from recycle.predictions.values import Predictions


class Frame(NamedTuple):
    """The images that any model covers."""

    image_ids: npt.NDArray[np.int64]
    """Shape (images,), ascending."""
    limits: npt.NDArray[np.float64]
    """Shape (images, 4), columns width, height, width, height in pixels."""


def covered_frame(predictions: Predictions, sizes: Mapping[int, tuple[int, int]]) -> Frame:
    """Returns the images that any model covers, with their sizes.

    Args:
        predictions: Boxes of any models.
        sizes: Width and height in pixels by image id.

    Raises:
        DataError: If a covered image has no size.
    """
    image_ids = predictions.covered
    missing = [image_id for image_id in image_ids.tolist() if image_id not in sizes]
    if missing:
        raise DataError(f"Every predicted image must have a size, but image {missing[0]} has none.")
    pairs = np.array([sizes[image_id] for image_id in image_ids.tolist()], np.float64).reshape(-1, 2)
    return Frame(image_ids, np.tile(pairs, 2))


def grouped_columns(predictions: Predictions, frame: Frame) -> tuple[npt.NDArray[np.int32], Columns]:
    """Sorts boxes by image and label, and divides them by the size of their image.

    Returns:
        The labels that occur, ascending, and the columns, whose labels are indices into them.

    Raises:
        DataError: If a box leaves its image.
    """
    images = np.searchsorted(frame.image_ids, predictions.image_ids)
    labels = np.unique(predictions.labels)
    keys = np.searchsorted(labels, predictions.labels)
    rows = stable_order(images, stable_order(keys, np.arange(len(images)), len(labels)), len(frame.image_ids))
    limits = frame.limits[images]
    _check_inside(predictions, limits)
    images, keys = images[rows], keys[rows]
    begins = np.flatnonzero(np.diff(images, prepend=-1) | np.diff(keys, prepend=-1))
    return labels, Columns(
        image_groups=np.searchsorted(images[begins], np.arange(len(frame.image_ids) + 1)),
        group_rows=np.append(begins, len(rows)),
        labels=keys[begins],
        boxes=(predictions.boxes / limits)[rows],
        scores=predictions.scores[rows],
        models=predictions.model_ids[rows],
        covers=np.stack([np.isin(frame.image_ids, ids) for ids in predictions.coverage], axis=1),
    )


def _check_inside(predictions: Predictions, limits: npt.NDArray[np.float64]) -> None:
    outside = ((predictions.boxes < 0) | (predictions.boxes > limits)).any(axis=1)
    if outside.any():
        row = int(np.argmax(outside))
        raise DataError(
            f"Predictions row {row} (image {predictions.image_ids[row]}): box must lie within the image of "
            f"{limits[row, 0]:g} x {limits[row, 1]:g} pixels, but got {predictions.boxes[row]}."
        )
