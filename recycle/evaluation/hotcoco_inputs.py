"""Truth and predictions as hotcoco takes them; images are given by their position, labels are category ids."""

from collections.abc import Sequence

import hotcoco
import numpy as np
import numpy.typing as npt

from recycle.data.coco import Dataset
from recycle.evaluation.columns import prediction_boxes, truth_columns
from recycle.evaluation.detection import MAX_DETECTIONS
from recycle.predictions.values import Predictions


def index_truth(truth: Dataset, image_ids: npt.NDArray[np.int64]) -> hotcoco.COCO:
    """Indexes the annotations of some images.

    Args:
        truth: The data set, which may hold further images.
        image_ids: Shape (n,), ascending.

    Raises:
        DataError: If an image is not in the data set.
    """
    columns = truth_columns(truth, image_ids)
    return hotcoco.COCO.from_arrays(
        [{"id": position} for position in range(len(image_ids))],
        [{"id": label, "name": name} for label, name in enumerate(truth.class_names)],
        _positions(image_ids, columns.image_ids),
        columns.labels,
        columns.boxes,
        area=columns.areas,
        iscrowd=columns.is_crowd,
    )


def evaluation_of(
    predictions: Predictions, truth: hotcoco.COCO, image_ids: npt.NDArray[np.int64], iou_thrs: Sequence[float]
) -> hotcoco.COCOeval:
    """Sets up an evaluation, at most `MAX_DETECTIONS` of each class on each image counting, as pycocotools does.

    Args:
        predictions: Boxes of exactly one model.
        truth: What `index_truth` made of the same images.
        image_ids: Shape (n,), the images.
        iou_thrs: The IoU thresholds.

    Raises:
        DataError: If there is not exactly one model, or a label is not that of a class.
    """
    boxes = prediction_boxes(predictions, len(truth.cats))
    positions = _positions(image_ids, predictions.image_ids)
    rows = np.column_stack([positions, boxes, predictions.scores, predictions.labels])
    evaluation = hotcoco.COCOeval(truth, truth.load_res(rows), "bbox")
    evaluation.params.iouThrs = list(iou_thrs)
    evaluation.params.maxDets = [MAX_DETECTIONS]
    return evaluation


def _positions(image_ids: npt.NDArray[np.int64], some: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Positions of images, which stand for their ids: those may be negative or too large for a float."""
    return np.searchsorted(image_ids, some)
