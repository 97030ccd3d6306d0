"""The one number that searches climb, as fast as it can be had: mAP by hotcoco, equal to pycocotools'."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from recycle.data.coco import Dataset
from recycle.errors import DataError
from recycle.evaluation.hotcoco_inputs import evaluation_of, index_truth
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
        self._iou_thrs = IOU_THRESHOLDS[metric]
        self._truth = index_truth(truth, self._image_ids)

    def score(self, predictions: Predictions) -> float:
        """Returns the metric from 0 to 1, and 0 where there is no truth at all.

        Args:
            predictions: Boxes of exactly one model that covers exactly the scorer's images.

        Raises:
            DataError: If there is not exactly one model, a label is not that of a class, or other images are covered.
        """
        if not np.array_equal(predictions.covered, self._image_ids):
            raise DataError(
                f"Predictions to score must cover the {len(self._image_ids)} images of the truth, "
                f"but got {len(predictions.covered)} images, not all the same."
            )
        evaluation = evaluation_of(predictions, self._truth, self._image_ids, self._iou_thrs)
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
        evaluation.evaluate()
        evaluation.accumulate()
        assert evaluation.eval is not None
        precision = evaluation.eval["precision"]
        known = precision[precision > -1]
        return float(known.mean()) if known.size else 0.0
