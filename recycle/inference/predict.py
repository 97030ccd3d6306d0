"""Batched prediction of images by one network."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from mmengine.model import BaseModel
from torch.utils.data import DataLoader

from recycle.data.coco import Dataset
from recycle.data.loading import DetectionImages
from recycle.data.transforms import inference_pipeline
from recycle.predictions.boxes import clip_xyxy
from recycle.predictions.values import Predictions

SHORTEST_SIDE = 1e-3
"""Boxes thinner than this, in pixels, are rounding errors."""


def predict(model: BaseModel, dataset: Dataset, *, image_size: int, batch_size: int, name: str) -> Predictions:
    """Predicts all images of a data set.

    Args:
        model: A network on the device where it shall run.
        dataset: The images; annotations are not looked at.
        image_size: Longer side, in pixels, to which images are scaled.
        batch_size: Images a step.
        name: The model's name in the predictions.

    Returns:
        Boxes in pixels of the original images, which are all covered.
    """
    images = DetectionImages(dataset, inference_pipeline(image_size), seed=0)
    loader = DataLoader(images, batch_size=batch_size, collate_fn=pseudo_collate)
    model.eval()
    samples: list[Any] = []
    with torch.no_grad(), torch.autocast(_device_type(model), enabled=_device_type(model) == "cuda"):
        for batch in loader:
            samples.extend(sample.cpu() for sample in model.test_step(batch))
    return to_predictions(samples, dataset, name)


def to_predictions(samples: Sequence[Any], dataset: Dataset, name: str) -> Predictions:
    """Gathers mmdet's `DetDataSample`s into columns, clipped to the images; what has no area is dropped."""
    coverage = np.array(sorted(sample.img_id for sample in samples), dtype=np.int64)
    if not samples:
        return Predictions.empty((name,), (coverage,))
    sizes = {image.id: (image.width, image.height) for image in dataset.images}
    counts = [len(sample.pred_instances.scores) for sample in samples]
    width, height = np.array([sizes[sample.img_id] for sample in samples]).repeat(counts, axis=0).T
    boxes = clip_xyxy(_column(samples, "bboxes").reshape(-1, 4).astype(np.float32), width, height)
    keep = (boxes[:, 2:] - boxes[:, :2] > SHORTEST_SIDE).all(axis=1)
    image_ids = np.array([sample.img_id for sample in samples], dtype=np.int64).repeat(counts)
    return Predictions(
        image_ids=image_ids[keep],
        model_ids=np.zeros(int(keep.sum()), dtype=np.int32),
        boxes=boxes[keep],
        scores=_column(samples, "scores").astype(np.float32)[keep],
        labels=_column(samples, "labels").astype(np.int32)[keep],
        models=(name,),
        coverage=(coverage,),
    )


def _column(samples: Iterable[Any], field: str) -> Any:  # noqa: ANN401 - arrays of several shapes
    return np.concatenate([getattr(sample.pred_instances, field).float().numpy() for sample in samples])


def _device_type(model: BaseModel) -> str:
    return str(next(model.parameters()).device.type)
