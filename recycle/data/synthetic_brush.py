"""Anti-aliased drawing in unit coordinates, so that an object looks the same at any size."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Colour = tuple[int, int, int]
"""Blue, green, red, each 0..255."""
Points = Sequence[tuple[float, float]] | npt.NDArray[np.floating[Any]]
"""Corners (x, y) of a polygon or line, x to the right and y down, the unit square being the whole drawing."""

WHITE: Colour = (246, 246, 246)
BLACK: Colour = (30, 28, 28)
INKS: tuple[Colour, ...] = ((190, 80, 30), (40, 40, 205), (60, 150, 40), (20, 140, 235), (150, 50, 140), (160, 150, 20))
"""Printing colours."""

_SUBPIXEL_BITS = 4


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Blends two colours; `share` (0..1) is that of the second."""
    blue, green, red = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return blue, green, red


def pick(rng: np.random.Generator, colours: Sequence[Colour]) -> Colour:
    """Draws one of some colours."""
    return colours[int(rng.integers(len(colours)))]


def smooth_noise(rng: np.random.Generator, size: int, cells: int) -> npt.NDArray[np.float32]:
    """Draws a smooth random field.

    Args:
        rng: Source of randomness.
        size: Side of the field in pixels.
        cells: Number of bumps along a side, whatever the size.

    Returns:
        (size, size) values, mostly between -1 and 1.
    """
    coarse = rng.uniform(-1.0, 1.0, (cells + 1, cells + 1)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC), np.float32)


def ring(centre: tuple[float, float], radii: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Lays points around a centre at the given radii, at equal angles.

    Args:
        centre: x and y in unit coordinates.
        radii: (n,) distances from the centre.

    Returns:
        (n, 2) points x, y.
    """
    angles = np.linspace(0.0, 2.0 * np.pi, len(radii), endpoint=False)
    return np.stack([centre[0] + radii * np.cos(angles), centre[1] + radii * np.sin(angles)], axis=1)


def oval(x: float, y: float, width: float, height: float) -> npt.NDArray[np.float64]:
    """Outline of an ellipse by its centre and extent in unit coordinates: (28, 2) points x, y."""
    circle = ring((0.0, 0.0), np.ones(28))
    return np.asarray(circle * (width / 2, height / 2) + (x, y), np.float64)


def mirrored(left: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Closes an outline given as its left half, from top to bottom, by the same at the right."""
    return [*left, *((1.0 - x, y) for x, y in reversed(left))]


@dataclass(frozen=True)
class Sprite:
    """A drawn object, ready to be pasted.

    Attributes:
        colour: (h, w, 3) uint8 BGR.
        opacity: (h, w) uint8, how much of the ground the object hides.
        shape: (h, w) uint8 coverage, 255 inside of the object even where it is translucent.
    """

    colour: npt.NDArray[np.uint8]
    opacity: npt.NDArray[np.uint8]
    shape: npt.NDArray[np.uint8]

    def transformed(self, side: int, degrees: float, stretch: float) -> "Sprite":
        """Scales, stretches and turns the object.

        Args:
            side: Length in pixels that the side of the drawing gets.
            degrees: Angle to turn by, counter-clockwise.
            stretch: Factor on the width before turning.

        Returns:
            A new sprite cropped to the object.
        """
        reach = int(side * np.hypot(stretch, 1.0)) + 2
        matrix = cv2.getRotationMatrix2D((0.0, 0.0), degrees, 1.0) @ np.diag([stretch, 1.0, 1.0])
        matrix[:, 2] = reach / 2 - matrix[:, :2] @ (side / 2, side / 2)
        colour, opacity, shape = (
            cv2.warpAffine(cv2.resize(layer, (side, side), interpolation=cv2.INTER_AREA), matrix, (reach, reach))
            for layer in (self.colour, self.opacity, self.shape)
        )
        left, top, width, height = cv2.boundingRect(shape)
        crop = np.s_[top : top + height, left : left + width]
        return Sprite(*(np.asarray(layer[crop], np.uint8) for layer in (colour, opacity, shape)))


class Brush:
    """Draws one object on a transparent square.

    Args:
        size: Side of the drawing in pixels.
        ground: Colour under everything, which shows through at anti-aliased edges.
    """

    def __init__(self, size: int, ground: Colour) -> None:
        self.size = size
        self._paint = np.full((size, size, 3), ground, np.uint8)
        self._opacity = np.full((size, size), 255, np.uint8)
        self._shape = np.zeros((size, size), np.uint8)

    def fill(self, points: Points, colour: Colour, opacity: float = 1.0) -> None:
        """Adds a filled polygon to the object."""
        corners = self._fixed(points)
        for layer, value in ((self._shape, 255), (self._paint, colour), (self._opacity, round(255 * opacity))):
            cv2.fillPoly(layer, [corners], value, cv2.LINE_AA, _SUBPIXEL_BITS)

    def mark(self, points: Points, colour: Colour) -> None:
        """Paints a filled polygon on the object; outside of the object it does not show."""
        cv2.fillPoly(self._paint, [self._fixed(points)], colour, cv2.LINE_AA, _SUBPIXEL_BITS)

    def band(self, top: float, bottom: float, colour: Colour, left: float = 0.0, right: float = 1.0) -> None:
        """Paints an upright rectangle on the object and makes it opaque there."""
        corners = self._fixed([(left, top), (right, top), (right, bottom), (left, bottom)])
        cv2.fillPoly(self._paint, [corners], colour, cv2.LINE_AA, _SUBPIXEL_BITS)
        cv2.fillPoly(self._opacity, [corners], 255, cv2.LINE_AA, _SUBPIXEL_BITS)

    def stroke(self, points: Points, colour: Colour, width: float) -> None:
        """Paints an open line of some width on the object."""
        thickness = max(1, round(width * self.size))
        cv2.polylines(self._paint, [self._fixed(points)], False, colour, thickness, cv2.LINE_AA, _SUBPIXEL_BITS)

    def cord(self, points: Points, colour: Colour, width: float) -> None:
        """Adds an open line of some width to the object."""
        self.stroke(points, colour, width)
        thickness = max(1, round(width * self.size))
        cv2.polylines(self._shape, [self._fixed(points)], False, 255, thickness, cv2.LINE_AA, _SUBPIXEL_BITS)

    def shade(self, field: npt.NDArray[np.float32]) -> None:
        """Brightens by a field of factors less 1, below 0 darkens; (size, size), or a single row or column of it."""
        self._paint = np.clip(self._paint * (1.0 + field)[..., None], 0, 255).astype(np.uint8)

    def across(self) -> npt.NDArray[np.float32]:
        """Horizontal place of each column in unit coordinates, (1, size)."""
        return np.linspace(0.0, 1.0, self.size, dtype=np.float32)[None, :]

    def sprite(self) -> Sprite:
        """The finished object."""
        hiding = cv2.multiply(self._opacity, self._shape, scale=1 / 255)
        return Sprite(self._paint, np.asarray(hiding, np.uint8), self._shape)

    def _fixed(self, points: Points) -> npt.NDArray[np.int32]:
        # OpenCV counts from the centre of the first pixel.
        scaled = (np.asarray(points, np.float64) * self.size - 0.5) * (1 << _SUBPIXEL_BITS)
        return np.asarray(np.rint(scaled), np.int32)
