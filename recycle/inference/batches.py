"""Images through a network, batch by batch and view by view, whatever the network predicts."""

from collections.abc import Iterator
from typing import Any

import torch
from mmengine.model import BaseModel
from torch.utils.data import DataLoader

from recycle.data.coco import Dataset
from recycle.data.image_cache import ImageCache
from recycle.data.loading import DetectionImages
from recycle.data.workers import loader_options
from recycle.inference.views import collate_views, views_pipeline
from recycle.recipe import Model

LARGEST_BATCH = 8
"""Beyond it prediction gets hardly faster, and views larger than the images of training must fit into memory too."""


def predicted_views(
    network: BaseModel, dataset: Dataset, settings: Model, cache: ImageCache
) -> Iterator[list[list[Any]]]:
    """Predicts a data set batch by batch, so that only one batch is in memory.

    Args:
        network: A network on the device where it shall run.
        dataset: The images; annotations are not looked at.
        settings: The network's model, which says how large it sees images and in which views.
        cache: Reads the images.

    Yields:
        For each view of the next images, in the order of the data set, mmdet's `DetDataSample`s on the CPU; what is
        predicted of a mirrored view is still mirrored.
    """
    pipeline = views_pipeline(settings.image_size, settings.tta.all_views(), cache)
    resources = settings.resources
    loader = DataLoader(
        DetectionImages(dataset, pipeline, seed=0),
        # Training a batch takes more memory than predicting it.
        batch_size=min(settings.batch_size, LARGEST_BATCH),
        collate_fn=collate_views,
        **loader_options(resources.num_cpus, has_gpu=bool(resources.num_gpus)),
    )
    network.eval()
    for views in loader:
        yield [_run(network, view, settings.precision) for view in views]


@torch.no_grad()
def _run(network: BaseModel, batch: dict[str, Any], precision: str) -> list[Any]:
    device_type = next(network.parameters()).device.type
    is_mixed = device_type == "cuda" and precision != "fp32"
    # Of the two halves, fp16 tells more scores apart.
    dtype = torch.bfloat16 if precision == "bf16" else torch.float16
    with torch.autocast(device_type, dtype=dtype, enabled=is_mixed):
        return [sample.cpu() for sample in network.test_step(batch)]
