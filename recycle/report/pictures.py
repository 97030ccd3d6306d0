"""Boxes and texts drawn on images (blue, green, red)."""

import colorsys
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

Picture = npt.NDArray[np.uint8]
"""(height, width, 3) BGR."""
Colour = tuple[int, int, int]
"""Blue, green, red, each 0..255."""

_GOLDEN_ANGLE = 0.381966
_TEXT_SIZE = 12
TITLE_HEIGHT = 24
_GAP = 4
_WHITE: Colour = (255, 255, 255)
_BLACK: Colour = (0, 0, 0)


def class_colour(label: int) -> Colour:
    """Colour of a class, the same in every picture; neighbouring labels lie far apart in hue.

    Args:
        label: Index into the categories, any number from 0.

    Returns:
        Blue, green, red.
    """
    lightness = (0.55, 0.42, 0.68)[label % 3]
    red, green, blue = colorsys.hls_to_rgb(label * _GOLDEN_ANGLE % 1.0, lightness, 0.9)
    return round(blue * 255), round(green * 255), round(red * 255)


def draw_boxes(
    image: Picture, boxes_xyxy: npt.NDArray[np.floating[Any]], texts: Sequence[str], colours: Sequence[Colour]
) -> Picture:
    """Draws boxes with a text each.

    Args:
        image: (height, width, 3) BGR; it is left as it is.
        boxes_xyxy: (n, 4) x1, y1, x2, y2 in pixels.
        texts: n texts in any script; characters that Pillow's built-in font lacks appear as an empty box.
        colours: n colours of boxes and of the ground of texts.

    Returns:
        A new picture of the same size.

    Raises:
        ValueError: If boxes, texts and colours are not equally many.
    """
    if not len(boxes_xyxy) == len(texts) == len(colours):
        counts = f"boxes={len(boxes_xyxy)}, texts={len(texts)}, colours={len(colours)}"
        raise ValueError(f"There must be as many texts and colours as boxes, but got {counts}.")
    drawn = image.copy()
    corners = np.rint(boxes_xyxy).astype(int).reshape(-1, 4)
    for (x1, y1, x2, y2), colour in zip(corners.tolist(), colours, strict=True):
        # The second corner of a box is exclusive, that of a drawn rectangle is not.
        cv2.rectangle(drawn, (x1, y1), (max(x1, x2 - 1), max(y1, y2 - 1)), colour, 2)
    return write_texts(drawn, corners[:, :2], texts, colours)


def write_texts(
    image: Picture, places: npt.NDArray[np.int_], texts: Sequence[str], colours: Sequence[Colour]
) -> Picture:
    """Writes each text on a coloured ground with its lower left corner at a place, moved into the image if needed.

    Args:
        image: (height, width, 3) BGR; it is left as it is.
        places: (n, 2) x, y in pixels.
        texts: n texts; each becomes one line.
        colours: n colours of the grounds; texts are black or white on them, as can be read.

    Returns:
        A new picture of the same size.
    """
    canvas = PillowImage.fromarray(image)
    pen = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(size=_TEXT_SIZE)
    lines = (" ".join(text.split()) for text in texts)
    for (x, y), text, colour in zip(places.tolist(), lines, colours, strict=True):
        width, height = round(pen.textlength(text, font=font)) + 4, _TEXT_SIZE + 3
        left = max(0, min(x, canvas.width - width))
        top = max(0, min(y - height, canvas.height - height))
        pen.rectangle((left, top, left + width - 1, top + height - 1), fill=colour)
        pen.text((left + 2, top), text, fill=_readable_on(colour), font=font)
    return np.asarray(canvas, np.uint8).copy()


def _readable_on(colour: Colour) -> Colour:
    blue, green, red = colour
    return _BLACK if 0.114 * blue + 0.587 * green + 0.299 * red > 140 else _WHITE


def side_by_side(left: Picture, right: Picture, titles: tuple[str, str]) -> Picture:
    """Puts two pictures next to each other, each under its title.

    Args:
        left: (height, width, 3) BGR.
        right: The same kind; the lower of the two is filled up with white at the bottom.
        titles: Texts above left and right.

    Returns:
        One picture: as wide as both and a gap, as high as the higher one and a line of text.
    """
    height = max(left.shape[0], right.shape[0])
    under_titles = [titled(picture, title, height) for picture, title in zip((left, right), titles, strict=True)]
    gap = np.full((height + TITLE_HEIGHT, _GAP, 3), 255, np.uint8)
    return np.hstack([under_titles[0], gap, under_titles[1]])


def titled(picture: Picture, title: str, height: int) -> Picture:
    """Puts a picture under its title, and fills it up to a height with white.

    Args:
        picture: (at most `height`, width, 3) BGR.
        title: One line.
        height: Of the picture in pixels, without the title.
    """
    canvas = np.full((height + TITLE_HEIGHT, picture.shape[1], 3), 255, np.uint8)
    canvas[TITLE_HEIGHT : TITLE_HEIGHT + picture.shape[0]] = picture
    return write_texts(canvas, np.array([[2, TITLE_HEIGHT - 4]]), [title], [_WHITE])
