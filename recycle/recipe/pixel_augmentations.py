"""Augmentations that change pixels and leave everything where it is; all but `colour` are those of Albumentations."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from recycle.recipe.augmentation_base import Sometimes
from recycle.recipe.settings import Settings


def _odd(side: int) -> int:
    if side % 2 == 0:
        raise ValueError(f"a kernel's side must be odd, but got {side}")
    return side


Kernel = Annotated[int, Field(ge=3, le=31), AfterValidator(_odd)]
"""Side of a blurring kernel in pixels."""


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


class RandomBrightnessContrast(Sometimes):
    """Shifts and stretches the pixel values."""

    type: Literal["random_brightness_contrast"]
    brightness: float = Field(default=0.2, ge=0, le=1)
    """Largest shift of the pixel values, as part of their range."""
    contrast: float = Field(default=0.2, ge=0, le=1)
    """Contrast is drawn from 1 - contrast to 1 + contrast."""


class HueSaturationValue(Sometimes):
    """Shifts hue, saturation and value."""

    type: Literal["hue_saturation_value"]
    hue: float = Field(default=20.0, ge=0, le=90)
    """Largest shift of the hue, in steps of two degrees."""
    saturation: float = Field(default=30.0, ge=0, le=255)
    """Largest shift of the saturation, which goes from 0 to 255."""
    value: float = Field(default=20.0, ge=0, le=255)
    """Largest shift of the value, which goes from 0 to 255."""


class RGBShift(Sometimes):
    """Shifts each channel by a number of its own."""

    type: Literal["rgb_shift"]
    red: float = Field(default=20.0, ge=0, le=255)
    """Largest shift of red, of 255."""
    green: float = Field(default=20.0, ge=0, le=255)
    """Largest shift of green, of 255."""
    blue: float = Field(default=20.0, ge=0, le=255)
    """Largest shift of blue, of 255."""


class CLAHE(Sometimes):
    """Equalises the contrast of each part of the image (contrast-limited adaptive histogram equalisation)."""

    type: Literal["clahe"]
    clip_limit: float = Field(default=4.0, ge=1, le=100)
    """The limit of contrast is drawn from 1 to this."""
    tiles: int = Field(default=8, ge=1, le=64)
    """Number of parts along each side."""


class Noise(Sometimes):
    """Gaussian noise."""

    min_std: float = Field(default=0.01, ge=0, le=1)
    """Smallest standard deviation, as part of the range of pixel values."""
    max_std: float = Field(default=0.05, ge=0, le=1)
    """Largest standard deviation, as part of the range of pixel values."""


class AdditiveNoise(Noise):
    """Gaussian noise that is the same in all channels: grains of light and dark."""

    type: Literal["additive_noise"]


class GaussNoise(Noise):
    """Gaussian noise of its own for each channel: grains of colour."""

    type: Literal["gauss_noise"]


class Blur(Sometimes):
    """Replaces each pixel by the mean around it."""

    type: Literal["blur"]
    kernel: Kernel = 7
    """Largest side of the square, in pixels; drawn from the odd numbers from 3 on."""


class MedianBlur(Sometimes):
    """Replaces each pixel by the median around it; with kernels above 5 it takes ten times as long."""

    type: Literal["median_blur"]
    kernel: Kernel = 5
    """Largest side of the square, in pixels; drawn from the odd numbers from 3 on."""


class MotionBlur(Sometimes):
    """Replaces each pixel by the mean along a line through it, as if the camera had moved."""

    type: Literal["motion_blur"]
    kernel: Kernel = 7
    """Largest length of the line, in pixels; drawn from the odd numbers from 3 on."""


class Sharpen(Sometimes):
    """Blends the image with a sharpened one."""

    type: Literal["sharpen"]
    min_share: float = Field(default=0.2, ge=0, le=1)
    """Smallest share of the sharpened image."""
    max_share: float = Field(default=0.5, ge=0, le=1)
    """Largest share of the sharpened image."""
    min_lightness: float = Field(default=0.5, ge=0, le=10)
    """Smallest lightness of the sharpened image."""
    max_lightness: float = Field(default=1.0, ge=0, le=10)
    """Largest lightness of the sharpened image."""


class Emboss(Sometimes):
    """Blends the image with one of which the edges stand out as if lit from a side."""

    type: Literal["emboss"]
    min_share: float = Field(default=0.2, ge=0, le=1)
    """Smallest share of the embossed image."""
    max_share: float = Field(default=0.5, ge=0, le=1)
    """Largest share of the embossed image."""
    min_strength: float = Field(default=0.2, ge=0, le=10)
    """How much edges stand out at least."""
    max_strength: float = Field(default=0.7, ge=0, le=10)
    """How much edges stand out at most."""


Pixelwise = (
    AdditiveNoise
    | Blur
    | CLAHE
    | Emboss
    | GaussNoise
    | HueSaturationValue
    | MedianBlur
    | MotionBlur
    | RandomBrightnessContrast
    | RGBShift
    | Sharpen
)
"""Those of Albumentations."""
