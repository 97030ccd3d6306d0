"""Photometric distortion of 8-bit images: brightness, contrast, saturation and hue."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from recycle.data.colour_kernel import distort_planes
from recycle.recipe import Colour

DEGREES_A_SECTOR = 60
"""Hue is counted in sectors of the colour circle: red 0, green 2, blue 4, and red again 6."""


class Distortion(NamedTuple):
    """One draw of a photometric distortion; the defaults change nothing."""

    brightness: float = 0.0
    """Added to the pixel values, first of all."""
    contrast: float = 1.0
    """Multiplies the pixel values, last of all."""
    saturation: float = 1.0
    """Multiplies the saturation, which remains at most 1."""
    hue: float = 0.0
    """Added to the hue, in degrees from -360 to 360."""


@dataclass(frozen=True)
class DistortColours:
    """Distorts the colours of training images; each of the four changes happens half of the time.

    It stands for mmdet's `PhotoMetricDistortion` without its exchange of channels, and leaves 8 bits instead of
    float32, a quarter of the bytes for all that comes after it.

    Args:
        settings: How far each change may go.
    """

    settings: Colour

    def __post_init__(self) -> None:
        """Has the loop compiled here, or each worker process would do it anew."""
        distort(np.zeros((1, 1, 3), np.uint8), Distortion(hue=1))

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Replaces `img` (uint8, height x width x 3, BGR)."""
        return {**results, "img": distort(results["img"], self.draw())}

    def draw(self) -> Distortion:
        """Draws from NumPy's global generator."""
        limits = self.settings
        brightness, contrast, saturation, hue = np.random.uniform(-1, 1, 4) * np.random.randint(0, 2, 4)
        return Distortion(
            brightness=limits.brightness * brightness,
            contrast=1 + limits.contrast * contrast,
            saturation=1 + limits.saturation * saturation,
            hue=limits.hue * hue,
        )


def distort(image: npt.NDArray[np.uint8], distortion: Distortion) -> npt.NDArray[np.uint8]:
    """Changes the colours of an image as mmdet's `PhotoMetricDistortion` does, rounded and kept within 0 to 255.

    mmdet computes in float32 and lets values leave that range. Both agree to 1, but for pixels of which the
    brightness takes every channel below 0: they become black here, while OpenCV's HSV of negative numbers, which
    mmdet uses, makes some of them brighter again.

    Args:
        image: Shape (height, width, 3), BGR.
        distortion: What to change.

    Returns:
        A new image of the same shape.
    """
    if distortion.saturation == 1 and distortion.hue == 0:
        values = (np.arange(256, dtype=np.float32) + np.float32(distortion.brightness)) * np.float32(
            distortion.contrast
        )
        return np.asarray(cv2.LUT(image, np.rint(values).clip(0, 255).astype(np.uint8)), dtype=np.uint8)
    # Only planes of one channel let the compiler handle many pixels at once: ten times as fast.
    blue, green, red = (np.asarray(plane, dtype=np.uint8).reshape(-1) for plane in cv2.split(image))
    results = np.empty((3, blue.size), np.uint8)
    distort_planes(
        blue,
        green,
        red,
        results[0],
        results[1],
        results[2],
        np.float32(distortion.brightness),
        np.float32(distortion.contrast),
        np.float32(distortion.saturation),
        np.float32(distortion.hue / DEGREES_A_SECTOR),
    )
    return np.asarray(cv2.merge(tuple(results.reshape(3, *image.shape[:2]))), dtype=np.uint8)
