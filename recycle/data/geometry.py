"""Crops and turns of training images with their boxes and masks; draws are from NumPy's global generator."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from recycle.data.objects import Image, Objects, Results
from recycle.recipe import CropNonEmptyMask, RandomCrop, RandomResizedCrop

FILL = 114
"""Grey value of what no image covers, as in YOLO."""


class Window(NamedTuple):
    """A rectangle of pixels, right and bottom being the first that are outside."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True)
class CropRandomly:
    """Keeps a rectangle of an image.

    Args:
        settings: How large it is.
    """

    settings: RandomCrop

    def __call__(self, results: Results) -> Results:
        """Replaces image and objects."""
        objects = Objects.of(results)
        window = self._draw(results["img"], objects)
        return crop(results, objects, window, self.settings.min_visible)

    def _draw(self, image: Image, objects: Objects) -> Window:
        sides = image.shape[1::-1]
        factors = np.random.uniform(self.settings.min_size, self.settings.max_size, 2)
        width, height = (max(1, round(side * factor)) for side, factor in zip(sides, factors, strict=True))
        box = _draw_box(objects, sides) if self.settings.keep_objects else None
        left, right = draw_span(sides[0], width, None if box is None else (box.left, box.right))
        top, bottom = draw_span(sides[1], height, None if box is None else (box.top, box.bottom))
        return Window(left, top, right, bottom)


@dataclass(frozen=True)
class CropAroundObject:
    """Keeps a rectangle of an image that holds a drawn pixel of an object, wherever in the rectangle it is.

    Args:
        settings: How large it is.
    """

    settings: CropNonEmptyMask

    def __call__(self, results: Results) -> Results:
        """Replaces image and objects."""
        objects = Objects.of(results)
        height, width = results["img"].shape[:2]
        x, y = _draw_pixel(objects) or (None, None)
        left, right = _draw_span_over(width, self.settings.width, x)
        top, bottom = _draw_span_over(height, self.settings.height, y)
        return crop(results, objects, Window(left, top, right, bottom), self.settings.min_visible)


@dataclass(frozen=True)
class CropToShape:
    """Keeps a rectangle of an image of a drawn area and shape; what would reach over a border is cut there.

    Args:
        settings: Which areas and shapes.
    """

    settings: RandomResizedCrop

    def __call__(self, results: Results) -> Results:
        """Replaces image and objects."""
        height, width = results["img"].shape[:2]
        area = height * width * np.random.uniform(self.settings.min_area, self.settings.max_area)
        ratio = np.exp(np.random.uniform(np.log(self.settings.min_ratio), np.log(self.settings.max_ratio)))
        left, right = draw_span(width, _within(width, np.sqrt(area * ratio)))
        top, bottom = draw_span(height, _within(height, np.sqrt(area / ratio)))
        return crop(results, Objects.of(results), Window(left, top, right, bottom), self.settings.min_visible)


def turn_by_quarters(results: Results) -> Results:
    """Turns an image by 90, 180 or 270 degrees."""
    image, objects = results["img"], Objects.of(results)
    for _ in range(np.random.randint(1, 4)):
        objects = _turn(objects, image.shape[1])
        image = cv2.rotate(image, cv2.ROTATE_90_COUNTERCLOCKWISE)
    return objects.put_into(results, image)


def crop(results: Results, objects: Objects, window: Window, min_visible: float) -> Results:
    """Keeps a window of an image, and its objects of which at least the part `min_visible` lies within."""
    left, top, right, bottom = window
    return objects.cut(*window, min_visible).put_into(results, results["img"][top:bottom, left:right])


def draw_span(side: int, length: int, held: tuple[int, int] | None = None) -> tuple[int, int]:
    """Draws a piece of a side.

    Args:
        side: Length of the side in pixels.
        length: Length of the piece, at most `side`; it becomes longer where `held` is.
        held: First pixel, and the first behind the last, of what must lie within it.

    Returns:
        First pixel, and the first behind the last.
    """
    first, last = held if held else (side, 0)
    length = max(length, last - first)
    start = int(np.random.randint(max(0, last - length), min(first, side - length) + 1))
    return start, start + length


def _draw_box(objects: Objects, sides: tuple[int, int]) -> Window | None:
    """Pixels of one of the objects that are not to be ignored and show something."""
    shown = objects.chosen((objects.areas() > 0) & ~objects.ignored).fitted().boxes
    if not len(shown):
        return None
    x1, y1, x2, y2 = shown[np.random.randint(len(shown))]
    return Window(
        int(np.clip(np.floor(x1), 0, sides[0] - 1)),
        int(np.clip(np.floor(y1), 0, sides[1] - 1)),
        int(np.clip(np.ceil(x2), 1, sides[0])),
        int(np.clip(np.ceil(y2), 1, sides[1])),
    )


def _draw_pixel(objects: Objects) -> tuple[int, int] | None:
    """Column and row of a pixel of one of the objects that are not to be ignored, all such pixels being alike."""
    assert objects.masks is not None
    rows, columns = np.nonzero(objects.masks[~objects.ignored].any(axis=0))
    if not len(rows):
        return None
    drawn = np.random.randint(len(rows))
    return int(columns[drawn]), int(rows[drawn])


def _draw_span_over(side: int, length: int, pixel: int | None) -> tuple[int, int]:
    held = None if pixel is None else (pixel, pixel + 1)
    return draw_span(side, min(side, length), held)


def _within(side: int, length: float) -> int:
    return min(side, max(1, round(length)))


def _turn(objects: Objects, width: int) -> Objects:
    """Objects of an image of this width after a quarter turn against the clock."""
    x1, y1, x2, y2 = objects.boxes.T
    boxes: npt.NDArray[np.float32] = np.stack([y1, width - x2, y2, width - x1], axis=1)
    if objects.masks is None:
        return replace(objects, boxes=boxes)
    return replace(objects, boxes=boxes, masks=np.ascontiguousarray(np.rot90(objects.masks, axes=(1, 2))))
