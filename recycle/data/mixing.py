"""Mosaic and mixup: one training image made of several; draws are from NumPy's global generator."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from recycle.data.geometry import FILL, Window, draw_span
from recycle.data.objects import Image, Objects, Results, join
from recycle.recipe import Mixup, Mosaic


class Mixing(ABC):
    """A transform that needs further images of the training set, which whoever loads them prepares up to here.

    Attributes:
        takes_pseudo_labelled: Whether these are pseudo-labelled images, and not any.
    """

    takes_pseudo_labelled = False

    @abstractmethod
    def draw_partner_count(self) -> int:
        """How many further images it takes this time; 0 where it is not applied."""

    @abstractmethod
    def __call__(self, results: Results, partners: Sequence[Results] = ()) -> Results:
        """Replaces image and objects; without partners all stays as it is."""


@dataclass(frozen=True)
class MakeMosaic(Mixing):
    """Fills the four quadrants of a canvas, which meet at a drawn point, with crops of four images.

    What an image is too small for stays grey, at the rim of the canvas.

    Args:
        settings: How often, and where the quadrants meet.
        image_size: Width and height of the canvas in pixels.
    """

    settings: Mosaic
    image_size: int

    def draw_partner_count(self) -> int:
        """Three, or none."""
        return 3 if np.random.random() < self.settings.probability else 0

    def __call__(self, results: Results, partners: Sequence[Results] = ()) -> Results:
        """Replaces image and objects."""
        if not partners:
            return results
        canvas = np.full((self.image_size, self.image_size, 3), FILL, np.uint8)
        quadrants = self._draw_quadrants()
        parts = [self._fill(canvas, q, image) for q, image in zip(quadrants, (results, *partners), strict=True)]
        return join(parts).put_into(results, canvas)

    def _draw_quadrants(self) -> list[Window]:
        size = self.image_size
        x, y = np.rint(np.random.uniform(self.settings.min_side, 1 - self.settings.min_side, 2) * size).astype(int)
        return [Window(0, 0, x, y), Window(x, 0, size, y), Window(0, y, x, size), Window(x, y, size, size)]

    def _fill(self, canvas: Image, quadrant: Window, results: Results) -> Objects:
        """Draws a crop of an image into its quadrant, at the point where all four meet."""
        image = results["img"]
        height, width = image.shape[:2]
        left, right = draw_span(width, min(width, quadrant.right - quadrant.left))
        top, bottom = draw_span(height, min(height, quadrant.bottom - quadrant.top))
        x = quadrant.left if quadrant.left else quadrant.right - (right - left)
        y = quadrant.top if quadrant.top else quadrant.bottom - (bottom - top)
        canvas[y : y + bottom - top, x : x + right - left] = image[top:bottom, left:right]
        objects = Objects.of(results).cut(left, top, right, bottom, self.settings.min_visible)
        return objects.placed(x, y, self.image_size, self.image_size)


@dataclass(frozen=True)
class MakeMixup(Mixing):
    """Averages the pixels of two images, padded to a common size with grey, and keeps the objects of both.

    Args:
        settings: How often, and the share of each.
        takes_pseudo_labelled: Whether the other is a pseudo-labelled image, and not any.
    """

    settings: Mixup
    takes_pseudo_labelled: bool = False

    def draw_partner_count(self) -> int:
        """One, or none."""
        return int(np.random.random() < self.settings.probability)

    def __call__(self, results: Results, partners: Sequence[Results] = ()) -> Results:
        """Replaces image and objects."""
        if not partners:
            return results
        both = (results, *partners)
        height, width = np.max([image["img"].shape[:2] for image in both], axis=0).tolist()
        share = 0.5 if self.settings.alpha is None else np.random.beta(self.settings.alpha, self.settings.alpha)
        first, second = (_pad(image["img"], height, width) for image in both)
        mixed = np.asarray(cv2.addWeighted(first, share, second, 1 - share, 0), np.uint8)
        return join([Objects.of(image).placed(0, 0, height, width) for image in both]).put_into(results, mixed)


def _pad(image: Image, height: int, width: int) -> Image:
    bottom, right = height - image.shape[0], width - image.shape[1]
    padded = cv2.copyMakeBorder(image, 0, bottom, 0, right, cv2.BORDER_CONSTANT, value=(FILL, FILL, FILL))
    return np.asarray(padded, np.uint8)
