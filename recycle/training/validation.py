"""Validation while training: the official score of this fold's images."""

from collections.abc import Sequence
from typing import Any

from mmdet.structures import DetDataSample
from mmengine.evaluator import BaseMetric
from mmengine.structures import InstanceData

from recycle.data.coco import Dataset
from recycle.data.label_maps import label_maps
from recycle.evaluation.detection import evaluate
from recycle.evaluation.segmentation import count_pixels, mean_iou
from recycle.fusion.voting import labels_of_shares
from recycle.inference.pixels import probabilities_of
from recycle.inference.predict import to_predictions


class DetectionScore(BaseMetric):
    """mAP50 and mAP of a fold, by pycocotools."""

    def __init__(self, dataset: Dataset) -> None:
        super().__init__()
        self._dataset = dataset

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:  # noqa: ANN401
        """Keeps the predicted boxes of a batch."""
        for sample in data_samples:
            self.results.append((sample["img_id"], InstanceData(**sample["pred_instances"]).cpu()))

    def compute_metrics(self, results: list[Any]) -> dict[str, float]:
        """Scores all images."""
        samples = [
            DetDataSample(metainfo={"img_id": image_id}, pred_instances=instances) for image_id, instances in results
        ]
        scores = evaluate(self._dataset, to_predictions(samples, self._dataset, "validation"))
        return {"map50": scores.map50 or 0.0, "map": scores.map or 0.0}


class SegmentationScore(BaseMetric):
    """mIoU of a fold, on label maps of the size of the submission.

    Args:
        dataset: The fold.
        size: Width and height of label maps in pixels.
    """

    def __init__(self, dataset: Dataset, size: int) -> None:
        super().__init__()
        self._dataset, self._size = dataset, size

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:  # noqa: ANN401
        """Keeps the predicted label maps of a batch."""
        maps = [labels_of_shares(probabilities_of(sample, self._size).cpu().numpy()) for sample in data_samples]
        self.results += [(sample["img_id"], labels) for sample, labels in zip(data_samples, maps, strict=True)]

    def compute_metrics(self, results: list[Any]) -> dict[str, float]:
        """Scores all images."""
        predicted = dict(results)
        truth = label_maps(self._dataset, (self._size, self._size))
        pairs = ((image.id, labels, predicted[image.id]) for image, labels in truth)
        return {"miou": mean_iou(count_pixels(pairs, len(self._dataset.categories) + 1))}
