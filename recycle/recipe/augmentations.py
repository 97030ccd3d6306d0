"""What is done to training images."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from recycle.recipe.settings import Settings


class HorizontalFlip(Settings):
    """Mirrors left and right."""

    type: Literal["horizontal_flip"]
    probability: float = Field(default=0.5, ge=0, le=1)
    """How often it is applied."""


class VerticalFlip(Settings):
    """Mirrors top and bottom."""

    type: Literal["vertical_flip"]
    probability: float = Field(default=0.5, ge=0, le=1)
    """How often it is applied."""


class Resize(Settings):
    """Scales the image to fit `image_size` times a factor drawn from a range."""

    type: Literal["resize"]
    min_factor: float = Field(default=1.0, gt=0, le=4)
    """Smallest factor."""
    max_factor: float = Field(default=1.0, gt=0, le=4)
    """Largest factor."""

    @model_validator(mode="after")
    def _range_is_ordered(self) -> "Resize":
        if self.min_factor > self.max_factor:
            raise ValueError(f"min_factor must not exceed max_factor, but got {self.min_factor} and {self.max_factor}")
        return self


class Colour(Settings):
    """Photometric distortion as in SSD: brightness, contrast, saturation and hue, each half of the time."""

    type: Literal["colour"]
    brightness: int = Field(default=32, ge=0, le=128)
    """Largest shift of the pixel values."""
    contrast: float = Field(default=0.5, ge=0, lt=1)
    """Contrast is drawn from 1 - contrast to 1 + contrast."""
    saturation: float = Field(default=0.5, ge=0, lt=1)
    """Saturation is drawn from 1 - saturation to 1 + saturation."""
    hue: int = Field(default=18, ge=0, le=180)
    """Largest shift of the hue, in degrees."""


Augmentation = Annotated[HorizontalFlip | VerticalFlip | Resize | Colour, Field(discriminator="type")]

DEFAULT_AUGMENTATIONS: tuple[Augmentation, ...] = (
    Resize(type="resize"),
    HorizontalFlip(type="horizontal_flip"),
)
