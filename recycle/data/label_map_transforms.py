"""Label maps on their way through the transforms of detection, as one mask for each label in an image.

Masks of different labels do not overlap and together cover what is labelled, so every transform of objects moves them
as it moves masks; what none of them covers in the end, as the ground beside a turned photograph, is ignored.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from recycle.data.augmentations import Transform, augmentation_transforms
from recycle.data.image_cache import NO_CACHE, ImageCache
from recycle.data.label_maps import draw_label_map
from recycle.data.objects import Objects, Results
from recycle.data.reading import ReadImage
from recycle.data.transforms import PACK, longest_side_needed
from recycle.predictions.probabilities import IGNORED
from recycle.recipe import Augmentation, OneOf

OBJECT_KEYS = ("gt_bboxes", "gt_bboxes_labels", "gt_ignore_flags", "gt_masks", "instances")


def label_map_pipeline(
    image_size: int, augmentations: Sequence[Augmentation], cache: ImageCache = NO_CACHE
) -> list[Transform]:
    """The transforms of a training image whose pixels are labelled.

    Args:
        image_size: Length of the longer side that the network sees, in pixels.
        augmentations: In the order in which they are applied.
        cache: Reads the images.
    """
    steps = [step for one in augmentations for step in augmentation_transforms(_keeping_all(one), image_size)]
    return [
        ReadImage(cache, longest_side_needed(image_size, augmentations)),
        masks_of_labels,
        *steps,
        join_labels,
        PACK,
    ]


def masks_of_labels(results: Results) -> Results:
    """Makes of the annotations of an image one mask for each label that shows; the background is flagged as ignored.

    So whatever looks for objects finds none in it.
    """
    from mmdet.structures.bbox import HorizontalBoxes  # noqa: PLC0415 - takes seconds to import
    from mmdet.structures.mask import BitmapMasks  # noqa: PLC0415

    height, width = results["img_shape"]
    ordered = sorted(results["instances"], key=lambda one: one["ignore_flag"])
    drawn = draw_label_map(((_label(one), one["mask"]) for one in ordered), height, width)
    labels = [label for label in np.unique(drawn).tolist() if label != IGNORED]
    masks = np.array([drawn == label for label in labels], np.uint8).reshape(-1, height, width)
    return {
        **results,
        "gt_bboxes": HorizontalBoxes(np.array([[0, 0, width, height]] * len(labels), np.float32).reshape(-1, 4)),
        "gt_bboxes_labels": np.array(labels, np.int64),
        "gt_ignore_flags": np.array([label == 0 for label in labels], np.bool_),
        "gt_masks": BitmapMasks(masks, height, width),
    }


def join_labels(results: Results) -> Results:
    """Joins the masks to `gt_seg_map`, uint8 (height, width), and leaves them behind."""
    objects = Objects.of(results)
    assert objects.masks is not None
    joined = np.full(results["img"].shape[:2], IGNORED, np.uint8)
    for label, mask in zip(objects.labels.tolist(), objects.masks, strict=True):
        joined[mask.astype(np.bool_)] = label
    return {**{key: value for key, value in results.items() if key not in OBJECT_KEYS}, "gt_seg_map": joined}


def _label(instance: dict[str, Any]) -> int:
    return IGNORED if instance["ignore_flag"] else int(instance["bbox_label"]) + 1


def _keeping_all(augmentation: Augmentation) -> Augmentation:
    """The augmentation without dropping what shows little: a pixel keeps its label however few of them are left."""
    if isinstance(augmentation, OneOf):
        return augmentation.model_copy(update={"choices": tuple(map(_keeping_all, augmentation.choices))})
    if "min_visible" in type(augmentation).model_fields:
        return augmentation.model_copy(update={"min_visible": 0.0})
    return augmentation
