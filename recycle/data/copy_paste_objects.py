"""Objects cut out of a picture by their masks, changed in size and side, and blended into another."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from recycle.data.copy_paste_masks import Mask, Region
from recycle.recipe.copy_paste import Blending

Picture = npt.NDArray[np.uint8]
"""(height, width, 3) BGR."""

_SURROUNDINGS = 5
"""Least number of pixels around an object that are looked at, so that resizing and blending see what is beside it."""
_EDGE_SIGMA = 1.0
_SEAM_DISTANCE = 3
"""A seam on the object's own edge would lose the contrast there, which is often all that tells it from the ground."""


@dataclass(frozen=True)
class Appearance:
    """How an object looks where it is pasted."""

    scale: float
    """Factor on width and height."""
    flip: bool
    """Whether left and right change places."""
    blending: Blending
    """How it meets the ground."""


def transformed_mask(region: Region, appearance: Appearance) -> Mask:
    """The mask of an object in another size, perhaps mirrored; pixels that it covers by half or more are its own.

    Args:
        region: The object's pixels.
        appearance: Scale and flip.

    Returns:
        (height, width) bool, cut to the extent of the object; (0, 0) if nothing of it is left.
    """
    return Region.of(_wide_mask(region, appearance)).mask


def paste_object(
    picture: Picture, source: Picture, region: Region, appearance: Appearance, place: tuple[int, int]
) -> Region:
    """Pastes an object of another picture in place.

    Args:
        picture: Where to; a few pixels beside the object change too, unless it is pasted without blending.
        source: The picture that holds the object.
        region: The object's pixels in `source`.
        appearance: How it is changed.
        place: Column and row of the upper left corner of `transformed_mask`, which must fit the picture.

    Returns:
        The object's pixels in `picture`.
    """
    mask = _wide_mask(region, appearance)
    colour = _transformed(_with_surroundings(source, region, _margin(appearance)), appearance)
    extent = Region.of(mask)
    left, top = place
    window = Region(left - extent.left, top - extent.top, mask)
    ground = _with_surroundings(picture, window, 0)
    _write_inside(picture, _blend(ground, colour, mask, appearance.blending), window)
    return Region(left, top, extent.mask)


def _margin(appearance: Appearance) -> int:
    return math.ceil(_SURROUNDINGS / appearance.scale)


def _wide_mask(region: Region, appearance: Appearance) -> Mask:
    """The transformed mask with its surroundings."""
    wide = np.pad(np.asarray(region.mask * 255, np.uint8), _margin(appearance))
    return np.asarray(_transformed(wide, appearance) > 127, np.bool_)


def _transformed(pixels: npt.NDArray[np.uint8], appearance: Appearance) -> npt.NDArray[np.uint8]:
    height, width = (round(side * appearance.scale) for side in pixels.shape[:2])
    method = cv2.INTER_AREA if appearance.scale < 1 else cv2.INTER_LINEAR
    resized = np.asarray(cv2.resize(pixels, (width, height), interpolation=method), np.uint8)
    return np.ascontiguousarray(resized[:, ::-1]) if appearance.flip else resized


def _with_surroundings(picture: Picture, region: Region, margin: int) -> Picture:
    """The picture around a region; beyond its borders their pixels go on."""
    height, width = picture.shape[:2]
    top, bottom, left, right = region.top - margin, region.bottom + margin, region.left - margin, region.right + margin
    inside = picture[max(0, top) : bottom, max(0, left) : right]
    beyond = (max(0, -top), max(0, bottom - height), max(0, -left), max(0, right - width))
    return np.asarray(cv2.copyMakeBorder(inside, *beyond, cv2.BORDER_REPLICATE), np.uint8)


def _write_inside(picture: Picture, pixels: Picture, region: Region) -> None:
    """Writes pixels of the region's shape at its place, as far as that lies inside of the picture."""
    inside = picture[max(0, region.top) : region.bottom, max(0, region.left) : region.right]
    top, left = max(0, -region.top), max(0, -region.left)
    inside[:] = pixels[top : top + inside.shape[0], left : left + inside.shape[1]]


def _blend(ground: Picture, colour: Picture, mask: Mask, blending: Blending) -> Picture:
    if blending == "none":
        return np.where(mask[..., None], colour, ground)
    if blending == "seamless":
        return _seamless(ground, colour, mask)
    opacity = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), _EDGE_SIGMA)[..., None]
    return np.asarray(np.rint(ground + opacity * (colour.astype(np.float32) - ground)), np.uint8)


def _seamless(ground: Picture, colour: Picture, mask: Mask) -> Picture:
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _SEAM_DISTANCE + 1,) * 2)
    wider = cv2.dilate(np.asarray(mask * 255, np.uint8), brush)
    x, y, width, height = cv2.boundingRect(wider)
    cloned = cv2.seamlessClone(colour, ground, wider, (x + width // 2, y + height // 2), cv2.NORMAL_CLONE)
    return np.asarray(cloned, np.uint8)
