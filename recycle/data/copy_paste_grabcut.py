"""Masks for objects that have only a box."""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from recycle.data.coco import Annotation, Dataset, Image
from recycle.data.copy_paste_masks import Mask, Region, annotate, box_region
from recycle.data.images import read_image

_MARGIN = 0.25  # of the box's longer side, on each of its sides: what GrabCut learns the ground from
_LONGEST_SIDE = 192  # of what GrabCut works on: it takes seconds for a megapixel
_SHORTEST_SIDE = 8
_ITERATIONS = 5
_LEAST_EXTENT = 0.5
"""Part of the box that a guess must span; less is a detail of the object or of its ground."""


def grabcut_masks(dataset: Dataset) -> Dataset:
    """Gives every object without a mask the one that GrabCut finds in its box; crowds are left as they are.

    Where GrabCut fails (a box of a few pixels, without ground around it, or of one colour) it is the ellipse in the
    box. Boxes stay as annotated, because they are known and the mask is a guess. Equal images give equal masks.

    Args:
        dataset: Images with boxes; images without a mask missing are not read.

    Returns:
        The data set with polygons, and their areas, where there were none.

    Raises:
        DataError: An image cannot be read.
    """
    guessed: dict[int, Annotation] = {}
    by_image = dataset.annotations_by_image()
    for image in dataset.images:
        missing = [each for each in by_image[image.id] if each.segmentation is None and not each.iscrowd]
        if missing:
            guessed.update(_guess(dataset, image, missing))
    annotations = tuple(guessed.get(annotation.id, annotation) for annotation in dataset.annotations)
    return replace(dataset, annotations=annotations)


def _guess(dataset: Dataset, image: Image, annotations: Sequence[Annotation]) -> dict[int, Annotation]:
    picture = read_image(dataset.path_of(image), image.width, image.height)
    guessed: dict[int, Annotation] = {}
    for annotation in annotations:
        box = box_region(annotation, image)
        mask = _object_in(picture, box)
        masked = annotate(annotation, Region.of(mask, box.left, box.top))
        guessed[annotation.id] = replace(masked, bbox=annotation.bbox)
    return guessed


def _object_in(picture: npt.NDArray[np.uint8], box: Region) -> Mask:
    """Shape of the box: which of its pixels are the object's, at least one."""
    height, width = box.mask.shape
    mask = _grabcut(picture, box) if min(height, width) >= _SHORTEST_SIDE else np.zeros_like(box.mask)
    extent = Region.of(mask).mask.size
    return mask if extent >= _LEAST_EXTENT * height * width else _ellipse(height, width)


def _grabcut(picture: npt.NDArray[np.uint8], box: Region) -> Mask:
    margin = round(_MARGIN * max(box.mask.shape))
    left, top = max(0, box.left - margin), max(0, box.top - margin)
    crop = picture[top : box.bottom + margin, left : box.right + margin]
    if crop.shape[:2] == box.mask.shape:  # there is no ground to learn from
        return np.zeros_like(box.mask)
    scale = min(1.0, _LONGEST_SIDE / max(crop.shape[:2]))
    small = cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    sides = np.array([box.left - left, box.top - top, box.mask.shape[1], box.mask.shape[0]])
    found = _foreground(np.asarray(small, np.uint8), np.rint(sides * scale).astype(int))
    full = cv2.resize(found, crop.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    return np.asarray(full[box.top - top : box.bottom - top, box.left - left : box.right - left], np.bool_)


def _foreground(crop: npt.NDArray[np.uint8], rectangle: npt.NDArray[np.int_]) -> npt.NDArray[np.uint8]:
    x, y, width, height = rectangle.tolist()
    trimap = np.full(crop.shape[:2], cv2.GC_BGD, np.uint8)
    trimap[y : y + height, x : x + width] = cv2.GC_PR_FGD
    cv2.setRNGSeed(0)  # its colour clusters begin at random
    models = np.zeros((2, 1, 65), np.float64)
    try:
        cv2.grabCut(crop, trimap, (0, 0, 0, 0), models[0], models[1], _ITERATIONS, cv2.GC_INIT_WITH_MASK)
    except cv2.error:  # one of the two has too few colours
        return np.zeros_like(trimap)
    return np.asarray(trimap == cv2.GC_PR_FGD, np.uint8)


def _ellipse(height: int, width: int) -> Mask:
    rows = (2 * np.arange(height) + 1 - height) / height
    columns = (2 * np.arange(width) + 1 - width) / width
    return np.asarray(rows[:, None] ** 2 + columns**2 <= 1, np.bool_)
