"""The views of test-time augmentation: made of an image, and their boxes brought back and merged."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import TRANSFORMS

from recycle.data.augmentations import Transform
from recycle.data.image_cache import ImageCache
from recycle.data.reading import ReadImage
from recycle.data.transforms import side_of_view, view_transforms
from recycle.fusion.methods import FusionSettings, fuse_by
from recycle.predictions.values import Predictions, concatenate
from recycle.recipe import TTA, View

MOST_BOXES = 300
"""Kept of an image once several views are merged: as many as the family with the most finds in one."""


@TRANSFORMS.register_module()
class PackViews(BaseTransform):
    """Makes of an image, read once, one packed sample for each view."""

    def __init__(self, image_size: int, views: Sequence[View]) -> None:
        self._pipelines = [Compose(view_transforms(image_size, view)) for view in views]

    def transform(self, results: dict[str, Any]) -> list[dict[str, Any]]:
        """Gives for each view what mmdet's `PackDetInputs` leaves: `inputs` and `data_samples`."""
        return [pipeline(dict(results)) for pipeline in self._pipelines]


def views_pipeline(image_size: int, views: Sequence[View], cache: ImageCache) -> list[Transform]:
    """The transforms of an image to be predicted in several views, which come out as a list."""
    largest = max(side_of_view(image_size, view) for view in views)
    return [ReadImage(cache, largest), {"type": "PackViews", "image_size": image_size, "views": views}]


def collate_views(images: Sequence[Sequence[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Turns the views of each image into one batch for each view, as mmdet's detectors take it."""
    return [pseudo_collate(view) for view in zip(*images, strict=True)]


def unflip(sample: Any) -> Any:  # noqa: ANN401 - mmdet is untyped
    """Mirrors the predicted boxes of a flipped view back.

    Args:
        sample: mmdet's `DetDataSample` with boxes in pixels of the image of original size, still mirrored.

    Returns:
        The same sample, its boxes as they lie in the original image.
    """
    if sample.metainfo.get("flip"):
        height, width = sample.ori_shape[:2]
        x1, y1, x2, y2 = sample.pred_instances.bboxes.float().unbind(dim=-1)
        if sample.flip_direction != "vertical":
            x1, x2 = width - x2, width - x1
        if sample.flip_direction != "horizontal":
            y1, y2 = height - y2, height - y1
        sample.pred_instances.bboxes = torch.stack([x1, y1, x2, y2], dim=-1)
    return sample


def merge_views(
    views: Sequence[Predictions], sizes: Mapping[int, tuple[int, int]], settings: TTA, name: str
) -> Predictions:
    """Merges what one network predicted of the same images in several views; a single view stays as it is.

    Args:
        views: For each view its predictions, boxes in pixels of the original images.
        sizes: Width and height in pixels, by image id.
        settings: How they are merged.
        name: What the result is called.

    Returns:
        At most 300 boxes an image. Weighted boxes fusion lowers the score of what few of the views show.
    """
    if len(views) == 1:
        return views[0]
    named = [view.renamed(f"view {position}") for position, view in enumerate(views)]
    fusion = FusionSettings(method=settings.merge, iou_thr=settings.iou_thr, skip_box_thr=0.0)
    return _strongest(fuse_by(concatenate(named), sizes, fusion, name))


def _strongest(merged: Predictions) -> Predictions:
    """The boxes of the highest scores of each image; fused ones come by image and descending score."""
    starts = np.searchsorted(merged.image_ids, merged.image_ids)
    kept = np.arange(len(merged)) - starts < MOST_BOXES
    return Predictions(
        image_ids=merged.image_ids[kept],
        model_ids=merged.model_ids[kept],
        boxes=merged.boxes[kept],
        scores=merged.scores[kept],
        labels=merged.labels[kept],
        models=merged.models,
        coverage=merged.coverage,
    )
