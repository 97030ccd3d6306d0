"""A synthetic sample of ten recycling classes, for demonstrations and tests without a download.

The classes, their order and how often each occurs are those of a competition on photographs of recycling waste:
23,144 boxes, of which Paper has 6,352 and Battery 159.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from recycle.data.coco import Annotation, Category, Dataset, Image, write_coco
from recycle.data.synthetic_scenes import Picture, add_litter, draw_floor, paste, photograph
from recycle.data.synthetic_shapes import DRAWINGS
from recycle.errors import DataError

Mask = npt.NDArray[np.bool_]

BOXES_OF_COMPETITION = {
    "General trash": 3966,
    "Paper": 6352,
    "Paper pack": 897,
    "Metal": 936,
    "Glass": 982,
    "Plastic": 2943,
    "Styrofoam": 1263,
    "Plastic bag": 5178,
    "Battery": 159,
    "Clothing": 468,
}
"""How many boxes each class has there; the sample keeps these proportions, in this order of the labels."""

_RELATIVE_SIZE = {"Battery": 0.7, "Clothing": 1.15, "Plastic bag": 1.1, "Glass": 1.1}
_GUARANTEE_PERIOD = 15
_OBJECTS_AN_IMAGE = (3, 4, 5, 6)
_MIN_IMAGE_SIZE = 64
_MIN_SIDE = 14
_MIN_VISIBLE = 0.6
_MIN_INSIDE = 0.8
_PLACING_TRIES = 12
_SUPERSAMPLING = 2


def write_synthetic(folder: Path, images: int, image_size: int, seed: int) -> Path:
    """Draws a sample and writes it as a COCO data set.

    The same arguments give the same bytes. Each image has its own generator, seeded by (seed, index), so more images
    leave the earlier ones as they are. Image i is sure to show class i mod 15 if that is below 10: from 120 images on
    every class has boxes in at least 8 images, and in the first ten images each class appears. All other objects are
    drawn such that class counts follow `BOXES_OF_COMPETITION`; Battery alone comes out more frequent, at 1.5 %.

    Boxes are the extents of masks, and masks hold the visible pixels: an object keeps more than half of its own.

    Args:
        folder: Gets `images/*.jpg` and `annotations.json`; made if it is missing.
        images: How many images to draw.
        image_size: Width and height of each in pixels, at least 64.
        seed: Not negative.

    Returns:
        The path of `annotations.json`.

    Raises:
        DataError: If an argument is out of range.
    """
    for rule, value, least in (("images", images, 1), ("image_size", image_size, _MIN_IMAGE_SIZE), ("seed", seed, 0)):
        if value < least:
            raise DataError(f"{rule} of a synthetic sample must be at least {least}, but got {rule}={value}.")
    (folder / "images").mkdir(parents=True, exist_ok=True)
    records: list[Image] = []
    annotations: list[Annotation] = []
    for index in range(images):
        rng = np.random.default_rng((seed, index))
        picture, objects = _draw_image(rng, index, image_size)
        record = Image(index + 1, f"images/{index + 1:05d}.jpg", image_size, image_size)
        _write_jpeg(folder / record.file_name, picture, quality=int(rng.integers(72, 96)))
        records.append(record)
        annotations += [_annotation(id_, record.id, item) for id_, item in enumerate(objects, len(annotations) + 1)]
    categories = tuple(Category(label, name) for label, name in enumerate(BOXES_OF_COMPETITION))
    path = folder / "annotations.json"
    write_coco(Dataset(folder, categories, tuple(records), tuple(annotations)), path)
    return path


def _write_jpeg(path: Path, picture: Picture, quality: int) -> None:
    encoded, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert encoded
    path.write_bytes(data.tobytes())


@dataclass(frozen=True)
class _Object:
    label: int
    whole_area: int
    visible: Mask


def _draw_image(rng: np.random.Generator, index: int, size: int) -> tuple[Picture, list[_Object]]:
    canvas = draw_floor(rng, size * _SUPERSAMPLING)
    add_litter(rng, canvas)
    objects: list[_Object] = []
    for label in _draw_labels(rng, index):
        _place(rng, canvas, objects, label)
    small = np.asarray(cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA), np.uint8)
    return photograph(rng, small), objects


def _draw_labels(rng: np.random.Generator, index: int) -> list[int]:
    """Labels of an image's objects: its guaranteed one first, the others by what that leaves to be drawn."""
    counts = np.array(list(BOXES_OF_COMPETITION.values()), np.float64)
    expected = counts / counts.sum() * np.mean(_OBJECTS_AN_IMAGE)
    left = np.maximum(expected - 1 / _GUARANTEE_PERIOD, 0.0)
    guaranteed = [index % _GUARANTEE_PERIOD] if index % _GUARANTEE_PERIOD < len(counts) else []
    others = int(rng.choice(_OBJECTS_AN_IMAGE)) - len(guaranteed)
    return guaranteed + [int(label) for label in rng.choice(len(counts), others, p=left / left.sum())]


def _draw_side(rng: np.random.Generator, name: str, size: int) -> int:
    """Side of an object's drawing in pixels of the final image: most are 0.2 to 0.55 of it, one in seven is small."""
    low, high = (0.11, 0.2) if rng.random() < 1 / 7 else (0.2, 0.55)
    share: float = low * (high / low) ** rng.random()
    return max(_MIN_SIDE, round(size * share * _RELATIVE_SIZE.get(name, 1.0)))


def _place(rng: np.random.Generator, canvas: Picture, objects: list[_Object], label: int) -> None:
    """Lays a new object on top where enough of all objects stays visible; without such a place it is left out."""
    extent = canvas.shape[0]
    name = tuple(BOXES_OF_COMPETITION)[label]
    side = _draw_side(rng, name, extent // _SUPERSAMPLING) * _SUPERSAMPLING
    sprite = DRAWINGS[name](rng, max(side, 64)).transformed(side, rng.uniform(0, 360), rng.uniform(0.85, 1.15))
    height, width = sprite.shape.shape
    whole = int(np.count_nonzero(sprite.shape > 127)) // _SUPERSAMPLING**2
    for _ in range(_PLACING_TRIES):
        left = int(rng.integers(-width // 6, max(extent - width + width // 6, 1)))
        top = int(rng.integers(-height // 6, max(extent - height + height // 6, 1)))
        mask = _mask_at(sprite.shape, left, top, extent)
        rest = [_Object(item.label, item.whole_area, item.visible & ~mask) for item in objects]
        if np.count_nonzero(mask) >= _MIN_INSIDE * whole and all(map(_is_visible, rest)):
            paste(canvas, sprite, left, top)
            objects[:] = [*rest, _Object(label, whole, mask)]
            return


def _is_visible(item: _Object) -> bool:
    return bool(np.count_nonzero(item.visible) >= _MIN_VISIBLE * item.whole_area)


def _mask_at(shape: npt.NDArray[np.uint8], left: int, top: int, extent: int) -> Mask:
    """Pixels of the final image that a sprite at a place of the larger canvas covers by half or more."""
    matrix = np.array([[1, 0, left], [0, 1, top]], np.float32)
    placed = cv2.warpAffine(shape, matrix, (extent, extent), flags=cv2.INTER_NEAREST)
    size = extent // _SUPERSAMPLING
    return np.asarray(cv2.resize(placed, (size, size), interpolation=cv2.INTER_AREA) > 127, np.bool_)


def _annotation(number: int, image_id: int, item: _Object) -> Annotation:
    left, top, width, height = cv2.boundingRect(item.visible.astype(np.uint8))
    return Annotation(
        id=number,
        image_id=image_id,
        category_id=item.label,
        bbox=(float(left), float(top), float(width), float(height)),
        area=float(np.count_nonzero(item.visible)),
        iscrowd=False,
        segmentation=[polygon.astype(float).ravel().tolist() for polygon in mask_polygons(item.visible)],
    )


def mask_polygons(mask: Mask) -> Iterator[npt.NDArray[np.int32]]:
    """Traces the outlines of a mask along pixel edges, so that they enclose exactly its pixels.

    COCO polygons have no holes: a part with a hole is cut in two at the column of the hole.

    Args:
        mask: (height, width) bool.

    Yields:
        (n, 2) corners x, y in pixels, n at least 4, for each part of the mask.
    """
    # On the doubled mask border pixels of both sides of an edge fall on the same corner once halved upwards.
    doubled = np.repeat(np.repeat(mask.astype(np.uint8), 2, axis=0), 2, axis=1)
    contours, hierarchy = cv2.findContours(doubled, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    for at, contour in enumerate(contours):
        _, _, first_hole, parent = hierarchy[0][at]
        if parent >= 0:
            continue
        if first_hole < 0:
            yield _corners(np.asarray(contour[:, 0], np.int32))
            continue
        part = cv2.drawContours(np.zeros_like(doubled), contours, at, 1, -1)[::2, ::2].astype(bool) & mask
        column = int((contours[first_hole][:, 0, 0].mean() + 1) // 2)
        for half in (np.s_[:, :column], np.s_[:, column:]):
            piece = np.zeros_like(mask)
            piece[half] = part[half]
            yield from mask_polygons(piece)


def _corners(contour: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    corners = (contour + 1) // 2
    return corners[np.any(corners != np.roll(corners, 1, axis=0), axis=1)]
