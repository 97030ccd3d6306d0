"""Batched prediction of images by one network, in one view or several."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from mmengine.model import BaseModel

from recycle.data.coco import Dataset
from recycle.data.image_cache import NO_CACHE, ImageCache
from recycle.inference.batches import predicted_views
from recycle.inference.views import merge_views, unflip
from recycle.predictions.boxes import clip_xyxy
from recycle.predictions.values import Predictions, concatenate
from recycle.recipe import Model

SHORTEST_SIDE = 1e-3
"""Boxes thinner than this, in pixels, are rounding errors."""


def predict(network: BaseModel, dataset: Dataset, settings: Model, cache: ImageCache = NO_CACHE) -> Predictions:
    """Predicts all images of a data set.

    Args:
        network: A network on the device where it shall run.
        dataset: The images; annotations are not looked at.
        settings: The network's model, which says how large it sees images and in which views.
        cache: Reads the images.

    Returns:
        Boxes in pixels of the original images, which are all covered, under the model's name.
    """
    nothing = Predictions.empty((settings.name,), (np.zeros(0, np.int64),))
    return concatenate([nothing, *predict_batches(network, dataset, settings, cache)])


def predict_batches(
    network: BaseModel, dataset: Dataset, settings: Model, cache: ImageCache = NO_CACHE
) -> Iterator[Predictions]:
    """Predicts a data set batch by batch, as `predict` does, so that only one batch is in memory.

    Yields:
        Predictions of the next images, in the order of the data set.
    """
    sizes = {image.id: (image.width, image.height) for image in dataset.images}
    for views in predicted_views(network, dataset, settings, cache):
        predicted = [_to_columns([unflip(sample) for sample in view], sizes, settings.name) for view in views]
        yield merge_views(predicted, sizes, settings.tta, settings.name)


def to_predictions(samples: Sequence[Any], dataset: Dataset, name: str) -> Predictions:
    """Gathers mmdet's `DetDataSample`s into columns, clipped to the images; what has no area is dropped."""
    return _to_columns(samples, {image.id: (image.width, image.height) for image in dataset.images}, name)


def _to_columns(samples: Sequence[Any], sizes: Mapping[int, tuple[int, int]], name: str) -> Predictions:
    coverage = np.array(sorted(sample.img_id for sample in samples), dtype=np.int64)
    if not samples:
        return Predictions.empty((name,), (coverage,))
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
