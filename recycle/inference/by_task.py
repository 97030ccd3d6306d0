"""What a network predicts of images, batch by batch, whatever its task."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mmengine.model import BaseModel

from recycle.data.coco import Dataset
from recycle.data.image_cache import ImageCache
from recycle.inference.pixels import predict_pixels
from recycle.inference.predict import predict_batches
from recycle.predictions.probabilities import Bytes, to_bytes
from recycle.recipe import Model, Task


def _pixel_batches(
    network: BaseModel,
    images: Dataset,
    settings: Any,  # noqa: ANN401 - an SMP
    cache: ImageCache,
) -> Iterator[tuple[list[int], Bytes]]:
    for image_ids, probabilities in predict_pixels(network, images, settings, cache):
        yield image_ids, to_bytes(probabilities)


BATCHES: Mapping[Task, Callable[..., Iterator[Any]]] = {"detection": predict_batches, "segmentation": _pixel_batches}


def prediction_batches(network: BaseModel, images: Dataset, settings: Model, cache: ImageCache) -> Iterator[Any]:
    """Predicts images batch by batch, so that only one batch is in memory.

    Args:
        network: A network on the device where it shall run.
        images: The images; annotations are not looked at.
        settings: The network's model.
        cache: Reads the images.

    Yields:
        `Predictions` of the next images; or, where pixels are labelled, their ids and probabilities times 255.
    """
    yield from BATCHES[settings.task](network, images, settings, cache)
