"""Transforms that stand around mmdet's own: reading an image, and what keeps the others fast and predictions right."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

from recycle.data.image_cache import ImageCache
from recycle.data.shrinking import shrink_instances


@dataclass(frozen=True)
class ReadImage:
    """Reads an image in the frame of its annotations, no larger than needed, and makes its annotations fit.

    Args:
        cache: Reads, and may keep what it read.
        longest_side: What the longer side, in pixels, is shrunk to where it is longer.
    """

    cache: ImageCache
    longest_side: int

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Adds `img` (uint8, height x width x 3, BGR), `img_shape` and `ori_shape` (height, width) as it is now."""
        original = results["width"], results["height"]
        image = self.cache.read(Path(results["img_path"]), *original, self.longest_side)
        results = {**results, "img": image, "img_shape": image.shape[:2], "ori_shape": image.shape[:2]}
        shrunk = image.shape[1], image.shape[0]
        if shrunk != original:
            results["instances"] = shrink_instances(results["instances"], original, shrunk)
        return results


def lay_out_mirrored(results: dict[str, Any]) -> dict[str, Any]:
    """Lays the pixels of a mirrored image out anew; it belongs behind mmdet's `RandomFlip`.

    That gives a view of the pixels in reverse, which takes NumPy forty times as long to copy as OpenCV to mirror.
    """
    image = results["img"]
    if image.strides[1] > 0:
        return results
    return {**results, "img": cv2.flip(image[:, ::-1], 1)}


def measure_from_original(results: dict[str, Any]) -> dict[str, Any]:
    """Makes mmdet's networks give boxes in pixels of the original image, shrunk or not.

    Sets `ori_shape` to the recorded height and width and `scale_factor` to (x, y) from there to `img_shape`. It
    belongs behind the last transform that changes the size, and needs an image that was not cropped.
    """
    height, width = results["img_shape"]
    scale_factor = width / results["width"], height / results["height"]
    return {**results, "ori_shape": (results["height"], results["width"]), "scale_factor": scale_factor}
