"""Augmentations that make one image of several of the training set."""

from typing import Literal

from pydantic import Field

from recycle.recipe.augmentation_base import Cutting, Sometimes


class Mosaic(Cutting):
    """Puts a random crop of each of four images on a canvas, a square of `image_size`, so that none covers another.

    The other three are any images of the training set after all augmentations that stand before this one.
    """

    type: Literal["mosaic"]
    min_side: float = Field(default=0.25, gt=0, le=0.5)
    """Smallest width and height of a crop, as part of the canvas's: where the four meet is drawn within this margin."""


class Mixup(Sometimes):
    """Averages the pixels of two images, the smaller sides padded with grey, and keeps the objects of both.

    The other is any image of the training set after all augmentations that stand before this one.
    """

    type: Literal["mixup"]
    alpha: float | None = Field(default=None, gt=0, le=1000)
    """The share of the first image is drawn from Beta(alpha, alpha), which is near 0.5 for large numbers and near 0 or
    1 for small ones. Without it both have half."""
