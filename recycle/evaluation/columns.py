"""Truth and predictions as the parallel columns that both evaluators take: xywh boxes, labels as category ids."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recycle.data.coco import Dataset
from recycle.errors import DataError
from recycle.predictions.boxes import xyxy_to_xywh
from recycle.predictions.values import Predictions


@dataclass(frozen=True, eq=False)
class TruthColumns:
    """The annotations of some images, row i of every column describing annotation i.

    Attributes:
        image_ids: Shape (n,).
        labels: Shape (n,), index into the categories in order.
        boxes: Shape (n, 4), columns x1, y1, width, height in pixels.
        areas: Shape (n,), square pixels, as recorded.
        is_crowd: Shape (n,).
    """

    image_ids: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    boxes: npt.NDArray[np.float64]
    areas: npt.NDArray[np.float64]
    is_crowd: npt.NDArray[np.bool_]


def truth_columns(truth: Dataset, image_ids: npt.NDArray[np.int64]) -> TruthColumns:
    """Returns the annotations of these images, in their order in the data set.

    Raises:
        DataError: If an image is not in the data set.
    """
    annotations = truth.subset(image_ids.tolist()).annotations
    label_of = truth.label_of
    return TruthColumns(
        image_ids=np.array([a.image_id for a in annotations], np.int64),
        labels=np.array([label_of[a.category_id] for a in annotations], np.int64),
        boxes=np.array([a.bbox for a in annotations], np.float64).reshape(-1, 4),
        areas=np.array([a.area for a in annotations], np.float64),
        is_crowd=np.array([a.iscrowd for a in annotations], np.bool_),
    )


def prediction_boxes(predictions: Predictions, class_count: int) -> npt.NDArray[np.float64]:
    """Returns the predicted boxes, shape (n, 4), columns x1, y1, width, height in pixels.

    Raises:
        DataError: If there is not exactly one model, or a label is not that of a class.
    """
    if len(predictions.models) != 1:
        raise DataError(f"Predictions to evaluate must be of one model, but got {len(predictions.models)} models.")
    beyond = predictions.labels >= class_count
    if beyond.any():
        label = predictions.labels[np.argmax(beyond)]
        raise DataError(f"Label must be below the number of classes, {class_count}, but got label={label}.")
    return xyxy_to_xywh(predictions.boxes.astype(np.float64))
