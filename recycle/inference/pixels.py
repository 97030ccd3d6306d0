"""Class probabilities of the pixels of images by one network, in one view or several."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812 - PyTorch's own name for it
from mmengine.model import BaseModel
from torch import Tensor

from recycle.data.coco import Dataset
from recycle.data.image_cache import NO_CACHE, ImageCache
from recycle.inference.batches import predicted_views
from recycle.predictions.probabilities import to_bytes, writing_probabilities
from recycle.recipe import SMP

MIRRORED = {"horizontal": [-1], "vertical": [-2], "diagonal": [-2, -1]}
"""Dimensions of a map that mmdet's name of a way of mirroring turns around."""


def predict_pixels(
    network: BaseModel, dataset: Dataset, settings: SMP, cache: ImageCache = NO_CACHE
) -> Iterator[tuple[list[int], npt.NDArray[np.float32]]]:
    """Predicts the pixels of all images, batch by batch; several views are averaged.

    Args:
        network: A network on the device where it shall run.
        dataset: The images; annotations are not looked at.
        settings: The network's model, which says how large it sees images, in which views, and how large its maps are.
        cache: Reads the images.

    Yields:
        Ids of the next images, and probabilities (images, classes, size, size), each image stretched to a square.
    """
    size = settings.label_map_size
    for views in predicted_views(network, dataset, settings, cache):
        maps = torch.stack([torch.stack([probabilities_of(sample, size) for sample in view]) for view in views])
        yield [sample.get("img_id") for sample in views[0]], maps.mean(dim=0).numpy()


def write_pixels(network: BaseModel, dataset: Dataset, settings: SMP, cache: ImageCache, path: Path) -> None:
    """Predicts the pixels of all images and writes a file of probabilities; arguments as for `predict_pixels`."""
    classes, size = len(dataset.categories) + 1, settings.label_map_size
    with writing_probabilities(path, len(dataset.images), classes, (size, size)) as writer:
        for image_ids, probabilities in predict_pixels(network, dataset, settings, cache):
            writer.add(image_ids, to_bytes(probabilities))


def probabilities_of(sample: Any, size: int) -> Tensor:  # noqa: ANN401 - mmdet is untyped
    """What a network predicted of one view of an image, as it lies in the image, (classes, size, size).

    Args:
        sample: mmdet's `DetDataSample`, or the mapping that mmengine makes of it for those who score.
        size: Width and height to which it is scaled.
    """
    probabilities: Tensor = sample.get("pred_sem_seg").get("probabilities")
    if sample.get("flip"):
        probabilities = probabilities.flip(MIRRORED[sample.get("flip_direction")])
    scaled = F.interpolate(probabilities[None], (size, size), mode="bilinear", align_corners=False, antialias=True)
    return scaled[0]
