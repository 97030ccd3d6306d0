"""From a recipe's augmentations to transforms of images, boxes and masks."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from recycle.data import resizing  # noqa: F401 - registers what transforms name
from recycle.data.colour import DistortColours
from recycle.data.geometry import CropAroundObject, CropRandomly, CropToShape, turn_by_quarters
from recycle.data.mixing import MakeMixup, MakeMosaic
from recycle.data.reading import lay_out_mirrored
from recycle.recipe import (
    Augmentation,
    Colour,
    CropNonEmptyMask,
    HorizontalFlip,
    Mixup,
    Mosaic,
    OneOf,
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
    steps = [_choice(augmentation, image_size)] if isinstance(augmentation, OneOf) else _steps(augmentation, image_size)
    return [{"type": "mmcv.RandomApply", "transforms": steps, "prob": augmentation.probability}]


def needs_masks(augmentations: Iterable[Augmentation]) -> bool:
    """Whether one of these finds boxes or places by masks, so that these must be loaded for every network."""
    return any(
        needs_masks(augmentation.choices)
        if isinstance(augmentation, OneOf)
        else isinstance(augmentation, ShiftScaleRotate | OpticalDistortion | CropNonEmptyMask)
        for augmentation in augmentations
    )


def leave_masks(results: dict[str, Any]) -> dict[str, Any]:
    """Leaves masks behind that only augmentations needed."""
    return {key: value for key, value in results.items() if key != "gt_masks"}


def _choice(augmentation: OneOf, image_size: int) -> Transform:
    """One of several lists of transforms, drawn anew for each image."""
    probabilities = np.array([choice.probability for choice in augmentation.choices])
    transforms = [
        augmentation_transforms(choice.model_copy(update={"probability": 1.0}), image_size)
        for choice in augmentation.choices
    ]
    return {
        "type": "mmcv.RandomChoice",
        "transforms": transforms,
        "prob": (probabilities / probabilities.sum()).tolist(),
    }


def _steps(
    augmentation: Rotate90
    | RandomCrop
    | CropNonEmptyMask
    | RandomResizedCrop
    | ShiftScaleRotate
    | OpticalDistortion
    | Pixelwise,
    image_size: int,
) -> list[Transform]:
    """What is done to those images that are not spared."""
    if isinstance(augmentation, Rotate90):
        return [turn_by_quarters]
    if isinstance(augmentation, RandomCrop):
        return [CropRandomly(augmentation)]
    if isinstance(augmentation, CropNonEmptyMask):
        return [CropAroundObject(augmentation)]
    if isinstance(augmentation, RandomResizedCrop):
        square = {"type": "mmdet.Resize", "scale": (image_size, image_size), "keep_ratio": False}
        return [CropToShape(augmentation), square]
    from recycle.data.albumentations_adapter import Bend, ChangePixels  # noqa: PLC0415 - takes a second or more

    if isinstance(augmentation, ShiftScaleRotate | OpticalDistortion):
        return [Bend(augmentation)]
    return [ChangePixels(augmentation)]
