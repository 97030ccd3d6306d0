"""Augmentations that move, turn, cut or bend an image with its boxes and masks."""

from typing import Literal

from pydantic import Field

from recycle.recipe.augmentation_base import Cutting, Ranged, Sometimes


class HorizontalFlip(Sometimes):
    """Mirrors left and right."""

    type: Literal["horizontal_flip"]


class VerticalFlip(Sometimes):
    """Mirrors top and bottom."""

    type: Literal["vertical_flip"]


class Rotate90(Sometimes):
    """Turns by 90, 180 or 270 degrees."""

    type: Literal["rotate_90"]


class Resize(Ranged):
    """Scales the image to fit `image_size` times a factor drawn from a range."""

    type: Literal["resize"]
    min_factor: float = Field(default=1.0, gt=0, le=4)
    """Smallest factor."""
    max_factor: float = Field(default=1.0, gt=0, le=4)
    """Largest factor."""


class RandomCrop(Cutting):
    """Keeps a rectangle of the image."""

    type: Literal["random_crop"]
    min_size: float = Field(default=0.5, gt=0, le=1)
    """Smallest width and height, as parts of the image's."""
    max_size: float = Field(default=1.0, gt=0, le=1)
    """Largest width and height, as parts of the image's; each is drawn on its own."""
    keep_objects: bool = False
    """Draws an object first, if there is one, and a rectangle around it, larger than told where the object is."""


class CropNonEmptyMask(Cutting):
    """Keeps a rectangle of a size in pixels around a point of an object, or any where there is none.

    As Albumentations' `CropNonEmptyMaskIfExists`; of smaller images the whole side is kept.
    """

    type: Literal["crop_non_empty_mask"]
    width: int = Field(default=200, ge=1, le=4096)
    """Width in pixels of the image as it is then."""
    height: int = Field(default=300, ge=1, le=4096)
    """Height likewise."""


class RandomResizedCrop(Cutting):
    """Keeps a rectangle of the image and scales it to a square of `image_size`."""

    type: Literal["random_resized_crop"]
    min_area: float = Field(default=0.5, gt=0, le=1)
    """Smallest area, as part of the image's."""
    max_area: float = Field(default=0.8, gt=0, le=1)
    """Largest area, as part of the image's."""
    min_ratio: float = Field(default=0.75, gt=0, le=10)
    """Smallest width by height; what would reach over a border is cut there."""
    max_ratio: float = Field(default=1.3333, gt=0, le=10)
    """Largest width by height."""


class ShiftScaleRotate(Cutting):
    """Shifts, scales and turns about the centre, on grey ground, within the size of the image.

    Boxes are the extents of turned masks; where objects have no masks these are their turned boxes, and wider.
    """

    type: Literal["shift_scale_rotate"]
    shift: float = Field(default=0.0625, ge=0, le=1)
    """Largest shift to each side, as part of width and height."""
    scale: float = Field(default=0.1, ge=0, lt=1)
    """The factor is drawn from 1 - scale to 1 + scale."""
    rotate: float = Field(default=45.0, ge=0, le=180)
    """Largest angle to each side, in degrees."""


class OpticalDistortion(Cutting):
    """Bends the image as a lens does, outwards or inwards; boxes are the extents of bent masks."""

    type: Literal["optical_distortion"]
    distortion: float = Field(default=0.05, ge=0, le=0.5)
    """Largest coefficient of the lens; at 0.05 corners move by some 3 % of the image."""
