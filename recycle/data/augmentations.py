"""From a recipe's augmentations to transforms of images, boxes and masks."""

from collections.abc import Callable, Iterable
from typing import Any

from recycle.data import resizing  # noqa: F401 - registers what transforms name
from recycle.data.colour import DistortColours
from recycle.data.geometry import CropRandomly, CropToShape, turn_by_quarters
from recycle.data.mixing import MakeMixup, MakeMosaic
from recycle.data.reading import lay_out_mirrored
from recycle.recipe import (
    Augmentation,
    Colour,
    HorizontalFlip,
    Mixup,
    Mosaic,
    OpticalDistortion,
    Pixelwise,
    RandomCrop,
    RandomResizedCrop,
    Resize,
    Rotate90,
    ShiftScaleRotate,
    VerticalFlip,
)

Transform = dict[str, Any] | Callable[[dict[str, Any]], dict[str, Any] | None]
"""What mmengine's `Compose` takes: settings of a registered transform, or a function of what is known of an image."""

DIRECTIONS = {HorizontalFlip: "horizontal", VerticalFlip: "vertical"}


def augmentation_transforms(augmentation: Augmentation, image_size: int) -> list[Transform]:
    """The transforms that one augmentation of a recipe stands for, in their order.

    Args:
        augmentation: The augmentation.
        image_size: Length of the longer side that a network sees, in pixels.
    """
    if isinstance(augmentation, Resize):
        smallest, largest = augmentation.min_factor, augmentation.max_factor
        return [{"type": "FitSquare", "smallest": round(image_size * smallest), "largest": round(image_size * largest)}]
    if isinstance(augmentation, Colour):
        return [DistortColours(augmentation)]
    if isinstance(augmentation, HorizontalFlip | VerticalFlip):
        direction = DIRECTIONS[type(augmentation)]
        flip = {"type": "mmdet.RandomFlip", "prob": augmentation.probability, "direction": direction}
        return [flip, lay_out_mirrored]
    if isinstance(augmentation, Mosaic):
        return [MakeMosaic(augmentation, image_size)]
    if isinstance(augmentation, Mixup):
        return [MakeMixup(augmentation)]
    steps = _steps(augmentation, image_size)
    return [{"type": "mmcv.RandomApply", "transforms": steps, "prob": augmentation.probability}]


def needs_masks(augmentations: Iterable[Augmentation]) -> bool:
    """Whether one of these finds boxes by their masks, so that these must be loaded for every network."""
    return any(isinstance(augmentation, ShiftScaleRotate | OpticalDistortion) for augmentation in augmentations)


def leave_masks(results: dict[str, Any]) -> dict[str, Any]:
    """Leaves masks behind that only augmentations needed."""
    return {key: value for key, value in results.items() if key != "gt_masks"}


def _steps(
    augmentation: Rotate90 | RandomCrop | RandomResizedCrop | ShiftScaleRotate | OpticalDistortion | Pixelwise,
    image_size: int,
) -> list[Transform]:
    """What is done to those images that are not spared."""
    if isinstance(augmentation, Rotate90):
        return [turn_by_quarters]
    if isinstance(augmentation, RandomCrop):
        return [CropRandomly(augmentation)]
    if isinstance(augmentation, RandomResizedCrop):
        square = {"type": "mmdet.Resize", "scale": (image_size, image_size), "keep_ratio": False}
        return [CropToShape(augmentation), square]
    from recycle.data.albumentations_adapter import Bend, ChangePixels  # noqa: PLC0415 - takes a second or more

    if isinstance(augmentation, ShiftScaleRotate | OpticalDistortion):
        return [Bend(augmentation)]
    return [ChangePixels(augmentation)]
