"""Photographs and their annotations made as small as a model's largest view of them, before anything else is done."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from pycocotools import mask as rle

from recycle.data.images import Reduction, read_image
from recycle.data.records import Segmentation

Size = tuple[int, int]
"""Width and height in pixels."""

REDUCTIONS: tuple[Reduction, ...] = (8, 4, 2)


def shrunk_size(width: int, height: int, longest_side: int) -> Size:
    """Width and height once the longer side is no more than `longest_side`, rounded as mmcv rounds when it resizes.

    Nothing is enlarged, and no side is less than 1 pixel.
    """
    if max(width, height) <= longest_side:
        return width, height
    scale = longest_side / max(width, height)
    return max(1, int(width * scale + 0.5)), max(1, int(height * scale + 0.5))


def read_shrunk(path: Path, width: int, height: int, longest_side: int) -> npt.NDArray[np.uint8]:
    """Reads an image no larger than needed, as the mean of the pixels that fall together.

    JPEG files much larger than that are decoded at a half, a quarter or an eighth of their size, if that is whole.

    Args:
        path: The image file.
        width: Recorded width in pixels.
        height: Recorded height in pixels.
        longest_side: The longer side of what is returned, in pixels, unless the image is smaller.

    Returns:
        Shape (height, width, 3), BGR, of `shrunk_size`.

    Raises:
        DataError: The file is missing or unreadable, or has another size than the recorded one.
    """
    target = shrunk_size(width, height, longest_side)
    pixels = read_image(path, width, height, _reduction((width, height), target))
    if pixels.shape[1::-1] == target:
        return pixels
    return np.asarray(cv2.resize(pixels, target, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def shrink_instances(instances: Sequence[dict[str, Any]], original: Size, shrunk: Size) -> list[dict[str, Any]]:
    """Makes annotations fit the shrunk image.

    Args:
        instances: As mmdet loads them: `bbox` is x1, y1, x2, y2 in pixels of the original image, `mask`, if there
            is one, polygons or a run-length encoding.
        original: The recorded size.
        shrunk: The size that `shrunk_size` gives.

    Returns:
        Copies with `bbox` and `mask` in pixels of the shrunk image; the other keys are as they were.
    """
    scale = np.divide(shrunk, original)
    return [_shrink_instance(instance, scale, shrunk) for instance in instances]


def _shrink_instance(instance: dict[str, Any], scale: npt.NDArray[np.float64], shrunk: Size) -> dict[str, Any]:
    changed: dict[str, Any] = {"bbox": _scale_points(instance["bbox"], scale)}
    if "mask" in instance:
        changed["mask"] = _shrink_mask(instance["mask"], scale, shrunk)
    return {**instance, **changed}


def _shrink_mask(mask: Segmentation, scale: npt.NDArray[np.float64], shrunk: Size) -> Segmentation:
    if isinstance(mask, list):
        return [_scale_points(polygon, scale) for polygon in mask]
    height, width = mask["size"]
    encoded = rle.frPyObjects(mask, height, width) if isinstance(mask["counts"], list) else mask
    pixels = cv2.resize(rle.decode(encoded), shrunk, interpolation=cv2.INTER_NEAREST_EXACT)
    small = rle.encode(np.asfortranarray(pixels))
    return {"size": small["size"], "counts": small["counts"].decode()}  # mmdet ignores bytes


def _scale_points(points: Sequence[float], scale: npt.NDArray[np.float64]) -> list[float]:
    scaled: list[float] = (np.reshape(points, (-1, 2)) * scale).ravel().tolist()
    return scaled


def _reduction(original: Size, target: Size) -> Reduction:
    """The most that a decoder may divide the size by: every pixel that is needed remains, and none is cut at the rim.

    A side that leaves a remainder would be rounded up, and the picture come out stretched.
    """
    return next((by for by in REDUCTIONS if all(map(_may_divide, (by, by), original, target))), 1)


def _may_divide(by: int, side: int, needed: int) -> bool:
    return side % by == 0 and side // by >= needed
