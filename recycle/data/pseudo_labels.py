"""Boxes that an ensemble predicted, as labels: the sure ones objects, the likely ones regions where nothing is learned.

The files are COCO, with the score of each box beside its annotation.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from recycle.data.coco import Dataset, read_coco
from recycle.data.json_files import write_json
from recycle.errors import DataError
from recycle.predictions.boxes import xyxy_to_xywh
from recycle.predictions.values import Predictions


@dataclass(frozen=True, eq=False)
class LabelThresholds:
    """From which score on a box is believed.

    Attributes:
        label: Shape (classes,), from which score on a box of the class is a label; infinite where none ever is.
        ignore: From which score on any other box is a region in which nothing is learned.
    """

    label: npt.NDArray[np.float64]
    ignore: float

    def sure(self, predictions: Predictions) -> npt.NDArray[np.bool_]:
        """Shape (n,): which boxes become labels."""
        # Scores are float32, and one that was written as 0.75 must reach a threshold of 0.75.
        return np.asarray(predictions.scores >= self.label.astype(np.float32)[predictions.labels])

    def likely(self, predictions: Predictions) -> npt.NDArray[np.bool_]:
        """Shape (n,): which boxes become ignored regions."""
        return np.asarray((predictions.scores >= np.float32(self.ignore)) & ~self.sure(predictions))


def pseudo_document(
    predictions: Predictions, images: Dataset, thresholds: LabelThresholds, *, keep_empty: bool
) -> dict[str, Any]:
    """Makes a COCO document of predictions.

    Ignored regions are annotations with `iscrowd`. Images keep their ids, annotations are numbered from 1 by image.

    Args:
        predictions: Boxes of one model, in pixels of the images.
        images: The images with the classes; annotations are not looked at.
        thresholds: Which boxes are believed.
        keep_empty: Whether images without any label stay.

    Raises:
        DataError: If a label is not that of a class, or an image is unknown.
    """
    _require_fit(predictions, images)
    sure, likely = thresholds.sure(predictions), thresholds.likely(predictions)
    covered = predictions.covered if keep_empty else np.unique(predictions.image_ids[sure])
    kept = set(covered.tolist())
    records = [image for image in images.images if image.id in kept]
    rows = np.flatnonzero((sure | likely) & np.isin(predictions.image_ids, covered))
    rows = rows[np.lexsort((-predictions.scores[rows], predictions.image_ids[rows]))]
    return {
        "images": [vars(image) for image in records],
        "categories": [vars(category) for category in images.categories],
        "annotations": list(_annotations(predictions, rows, likely, images)),
    }


def write_pseudo_labels(document: Mapping[str, Any], path: Path) -> None:
    """Writes what `pseudo_document` made, in one step."""
    write_json(document, path)


def read_pseudo_labels(path: Path, images: Dataset) -> Dataset:
    """Reads pseudo labels for a data set's images.

    Args:
        path: What `write_pseudo_labels` wrote.
        images: The images that were predicted.

    Raises:
        DataError: If the file is not COCO, or its classes are not those of the images.
    """
    labels = read_coco(path, images.folder)
    if labels.categories != images.categories:
        ours, theirs = (", ".join(one.class_names) for one in (images, labels))
        raise DataError(f"{path}: its classes must be those of the data, {ours}, but they are {theirs}")
    return labels


def _annotations(
    predictions: Predictions, rows: npt.NDArray[np.int64], likely: npt.NDArray[np.bool_], images: Dataset
) -> Iterator[dict[str, Any]]:
    category_ids = [category.id for category in images.categories]
    columns = (
        predictions.image_ids[rows].tolist(),
        predictions.labels[rows].tolist(),
        xyxy_to_xywh(predictions.boxes[rows].astype(np.float64)).tolist(),
        predictions.scores[rows].tolist(),
        likely[rows].tolist(),
    )
    for number, (image_id, label, box, score, is_ignored) in enumerate(zip(*columns, strict=True), start=1):
        yield {
            "id": number,
            "image_id": image_id,
            "category_id": category_ids[label],
            "bbox": box,
            "area": box[2] * box[3],
            "iscrowd": int(is_ignored),
            "score": score,
        }


def _require_fit(predictions: Predictions, images: Dataset) -> None:
    classes = len(images.categories)
    if (predictions.labels >= classes).any():
        label = int(predictions.labels.max())
        raise DataError(f"Label must be below the number of classes, {classes}, but got label={label}.")
    unknown = np.setdiff1d(predictions.covered, [image.id for image in images.images])
    if unknown.size:
        raise DataError(f"Pseudo labels must be of the data set's images, but got image_id={unknown[0]}.")
