"""Pipelines of transforms: of training images, and of images to be predicted."""

from collections.abc import Iterable, Sequence
from typing import Any

from recycle.data.augmentations import Transform, augmentation_transforms, leave_masks, needs_masks
from recycle.data.image_cache import NO_CACHE, ImageCache
from recycle.data.mixing import MakeMixup
from recycle.data.reading import ReadImage, lay_out_mirrored, measure_from_original
from recycle.recipe import Augmentation, Colour, HorizontalFlip, Mixup, Resize, Rotate90, VerticalFlip, View

META_KEYS = ("img_id", "img_path", "ori_shape", "img_shape", "scale_factor", "flip", "flip_direction")
PACK = {"type": "mmdet.PackDetInputs", "meta_keys": META_KEYS}

FLIPS = {"horizontal": "horizontal", "vertical": "vertical", "both": "diagonal"}
"""mmdet's name of each way of mirroring."""

SIZE_KEEPING = (HorizontalFlip, VerticalFlip, Rotate90, Colour)
"""Augmentations after which a pixel is still a pixel of the photograph, so that shrinking may come before them."""

WHOLE = 2**31
"""A longest side, in pixels, that no image exceeds."""


def longest_side_needed(image_size: int, augmentations: Iterable[Augmentation]) -> int:
    """The longer side, in pixels, beyond which training sees nothing more of a photograph.

    That is what `resize` makes of it at most. Whatever else comes before it, as a crop, may enlarge a part, and takes
    photographs whole.
    """
    for augmentation in augmentations:
        if isinstance(augmentation, Resize):
            return round(image_size * augmentation.max_factor)
        if not isinstance(augmentation, SIZE_KEEPING):
            break
    return WHOLE


def training_pipeline(
    image_size: int,
    augmentations: Sequence[Augmentation],
    cache: ImageCache = NO_CACHE,
    *,
    with_masks: bool = False,
    pseudo_share: float = 0.0,
) -> list[Transform]:
    """The transforms of a training image.

    Args:
        image_size: Length of the longer side that the network sees, in pixels.
        augmentations: In the order in which they are applied.
        cache: Reads the images.
        with_masks: Whether masks follow their boxes.
        pseudo_share: Part of the images that are averaged with a pseudo-labelled one, after all augmentations.
    """
    load_masks = with_masks or needs_masks(augmentations)
    return [
        ReadImage(cache, longest_side_needed(image_size, augmentations)),
        {"type": "mmdet.LoadAnnotations", "with_bbox": True, "with_mask": load_masks},
        *(transform for step in augmentations for transform in augmentation_transforms(step, image_size)),
        *([_mix_with_pseudo_labelled(pseudo_share)] if pseudo_share else []),
        *([] if with_masks else [leave_masks]),
        PACK,
    ]


def _mix_with_pseudo_labelled(share: float) -> MakeMixup:
    return MakeMixup(Mixup(type="mixup", probability=share), takes_pseudo_labelled=True)


def inference_pipeline(image_size: int, cache: ImageCache = NO_CACHE) -> list[Transform]:
    """The transforms of an image to be predicted as it is."""
    return [ReadImage(cache, image_size), *view_transforms(image_size, View())]


def side_of_view(image_size: int, view: View) -> int:
    """The longer side, in pixels, of what the network sees of an image in one view."""
    return round(image_size * view.scale)


def view_transforms(image_size: int, view: View) -> list[Transform]:
    """The transforms that make of an image, once it is read, what the network sees of it in one view.

    Boxes that a network predicts are in pixels of the image as it was recorded, whatever it was shrunk to in between.
    """
    side = side_of_view(image_size, view)
    flip = {"type": "mmdet.RandomFlip", "prob": 1.0, "direction": FLIPS.get(view.flip)}
    flips: list[Any] = [] if view.flip == "none" else [flip, lay_out_mirrored]
    return [{"type": "FitSquare", "smallest": side, "largest": side}, *flips, measure_from_original, PACK]
