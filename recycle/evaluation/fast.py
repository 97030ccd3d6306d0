"""The one number that searches climb, as fast as it can be had: mAP by hotcoco, equal to pycocotools'."""

from collections.abc import Mapping

import hotcoco
import numpy as np
import numpy.typing as npt

from recycle.data.coco import Dataset
from recycle.errors import DataError
from recycle.evaluation.columns import prediction_boxes, truth_columns
from recycle.evaluation.detection import MAX_DETECTIONS
from recycle.predictions.values import Predictions
from recycle.recipe.fusion import Metric

IOU_THRESHOLDS: Mapping[Metric, tuple[float, ...]] = {
    "map50": (0.5,),
    "map": tuple(np.linspace(0.5, 0.95, 10).tolist()),
    "map75": (0.75,),
}
"""A metric is the mean average precision over these."""


class MapScorer:
    """Mean average precision of many predictions on the same images.

    Args:
        truth: The data set, which may hold further images; crowd annotations are ignored as COCO does.
        image_ids: Shape (n,), the images to score on.
        metric: At which IoU.

    Raises:
        DataError: If an image is not in the data set.
    """

    def __init__(self, truth: Dataset, image_ids: npt.NDArray[np.int64], metric: Metric = "map50") -> None:
        self._image_ids = np.unique(image_ids)
        self._class_count = len(truth.categories)
        self._iou_thrs = list(IOU_THRESHOLDS[metric])
        columns = truth_columns(truth, self._image_ids)
        self._truth = hotcoco.COCO.from_arrays(
            [{"id": position} for position in range(len(self._image_ids))],
            [{"id": label, "name": name} for label, name in enumerate(truth.class_names)],
            self._positions(columns.image_ids),
            columns.labels,
            columns.boxes,
            area=columns.areas,
            iscrowd=columns.is_crowd,
        )

    def score(self, predictions: Predictions) -> float:
        """Returns the metric from 0 to 1, and 0 where there is no truth at all.

        Args:
            predictions: Boxes of exactly one model that covers exactly the scorer's images.

        Raises:
            DataError: If there is not exactly one model, a label is not that of a class, or other images are covered.
        """
        boxes = prediction_boxes(predictions, self._class_count)
        if not np.array_equal(predictions.covered, self._image_ids):
            raise DataError(
                f"Predictions to score must cover the {len(self._image_ids)} images of the truth, "
                f"but got {len(predictions.covered)} images, not all the same."
            )
        positions = self._positions(predictions.image_ids)
        rows = np.column_stack([positions, boxes, predictions.scores, predictions.labels])
        evaluation = hotcoco.COCOeval(self._truth, self._truth.load_res(rows), "bbox")
        evaluation.params.iouThrs = self._iou_thrs
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
        evaluation.params.maxDets = [MAX_DETECTIONS]
        evaluation.evaluate()
        evaluation.accumulate()
        assert evaluation.eval is not None
        precision = evaluation.eval["precision"]
        known = precision[precision > -1]
        return float(known.mean()) if known.size else 0.0

    def _positions(self, image_ids: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Positions of images, which stand for their ids: those may be negative or too large for a float."""
        return np.searchsorted(self._image_ids, image_ids)
