"""Images on which the right answer is known: an object is where its colour is."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import PIL.Image
from pycocotools import mask as rle

from recycle.data.coco import Annotation, Category, Dataset, Image
from recycle.data.loading import DetectionImages
from recycle.data.transforms import training_pipeline
from recycle.recipe import Augmentation

SIZE = 96
GROUND, BRIGHT = 20, 250
CHANNELS = 3

Bitmap = npt.NDArray[np.bool_]


def write_scenes(folder: Path, count: int, seed: int, *, with_masks: bool) -> Dataset:
    """Images of up to 96 px, each with a red, a green and a blue object (labels 0 to 2) that do not touch.

    With masks they are ellipses, some with a notch; without, rectangles that are known by their boxes alone.
    """
    rng = np.random.default_rng(seed)
    images: list[Image] = []
    annotations: list[Annotation] = []
    for number in range(count):
        width, height = ((SIZE, SIZE), (SIZE, 72), (64, SIZE))[number % 3]
        shapes = _shapes(rng, width, height, elliptic=with_masks)
        pixels = np.full((height, width, 3), GROUND, np.uint8)
        for channel, shape in enumerate(shapes):
            pixels[shape, channel] = BRIGHT
            annotations.append(_annotation(len(annotations), number, channel, shape, with_masks=with_masks))
        PIL.Image.fromarray(pixels).save(folder / f"{number}.png")
        images.append(Image(number, f"{number}.png", width, height))
    categories = tuple(Category(i, name) for i, name in enumerate(("red", "green", "blue")))
    return Dataset(folder, categories, tuple(images), tuple(annotations))


def _shapes(rng: np.random.Generator, width: int, height: int, *, elliptic: bool) -> list[Bitmap]:
    """Three shapes, each in a third of the width."""
    shapes = []
    for third in range(CHANNELS):
        left, right = third * width // 3 + 2, (third + 1) * width // 3 - 2
        shape = np.zeros((height, width), np.uint8)
        half = rng.integers(4, (right - left) // 2 + 1), rng.integers(4, height // 3)
        centre = (left + right) // 2, int(rng.integers(half[1] + 1, height - half[1] - 1))
        corner = centre[0] - int(half[0]), centre[1] - int(half[1])
        if elliptic:
            cv2.ellipse(shape, centre, (int(half[0]), int(half[1])), 0, 0, int(rng.choice([270, 360])), 1, -1)
        else:
            shape[corner[1] : corner[1] + 2 * half[1], corner[0] : corner[0] + 2 * half[0]] = 1
        shapes.append(shape.astype(np.bool_))
    return shapes


def _annotation(number: int, image: int, label: int, shape: Bitmap, *, with_masks: bool) -> Annotation:
    box = tuple(float(side) for side in cv2.boundingRect(shape.astype(np.uint8)))
    encoded = rle.encode(np.asfortranarray(shape.astype(np.uint8)))
    mask = {"size": encoded["size"], "counts": encoded["counts"].decode()} if with_masks else None
    return Annotation(number, image, label, box, float(shape.sum()), False, mask)  # type: ignore[arg-type]


def load(
    dataset: Dataset, *augmentations: Augmentation, seed: int = 0, with_masks: bool = True, size: int = SIZE
) -> DetectionImages:
    """The data set as a network that takes images of this size sees it."""
    return DetectionImages(dataset, training_pipeline(size, augmentations, with_masks=with_masks), seed)


def pixels_of(packed: dict[str, Any]) -> npt.NDArray[np.uint8]:
    """(height, width, 3) BGR."""
    return np.asarray(packed["inputs"].permute(1, 2, 0).numpy(), np.uint8)


def coloured(pixels: npt.NDArray[np.uint8], label: int, share: float = 1.0) -> Bitmap:
    """Where at least half of a pixel is of a label's colour, the image having this share of what is seen."""
    channels = pixels.astype(int)
    above_grey = channels[:, :, CHANNELS - 1 - label] - channels.min(axis=2)
    return np.asarray(above_grey > share * (BRIGHT - GROUND) / 2)


def grown(mask: Bitmap, by: int) -> Bitmap:
    """The mask with a rim of this width, or without one where it is negative."""
    kernel = np.ones((2 * abs(by) + 1,) * 2, np.uint8)
    change = cv2.dilate if by >= 0 else cv2.erode
    return np.asarray(change(mask.astype(np.uint8), kernel, borderValue=0 if by >= 0 else 1) > 0)


def filled(boxes: npt.NDArray[np.float32], shape: tuple[int, int]) -> Bitmap:
    """Pixels of which the centre lies in one of the boxes, (N, 4) x1, y1, x2, y2."""
    inside = np.zeros(shape, np.bool_)
    for x1, y1, x2, y2 in np.rint(boxes).astype(int):
        inside[y1:y2, x1:x2] = True
    return inside


def assert_objects_lie_where_their_colours_are(packed: dict[str, Any], share: float = 1.0, rim: int = 1) -> None:
    """Fails unless each colour fills the masks, or boxes, of its label and is nowhere else, up to a rim.

    Nothing may have been dropped. Boxes must be the extents of their masks.
    """
    pixels, instances = pixels_of(packed), packed["data_samples"].gt_instances
    boxes = instances.bboxes.tensor.numpy()
    for label in range(CHANNELS):
        of_label = instances.labels.numpy() == label
        colour = coloured(pixels, label, share)
        assert not (colour & ~grown(filled(boxes[of_label], colour.shape), rim)).any()
        if "masks" in instances:
            mask = instances.masks.masks[of_label].any(axis=0)
            assert not (grown(mask, -rim) & ~colour).any()
            assert not (colour & ~grown(mask, rim)).any()
            assert extents(instances.masks.masks[of_label]) == boxes[of_label].tolist()
        for box in boxes[of_label]:
            assert_reaches_all_sides(colour, box, rim)


def assert_reaches_all_sides(colour: Bitmap, box: npt.NDArray[np.float32], rim: int) -> None:
    """Fails unless a colour reaches each side of a box, up to a rim."""
    x1, y1, x2, y2 = np.rint(box).astype(int)
    rows, columns = np.nonzero(colour[y1:y2, x1:x2])
    assert columns.min() <= rim
    assert rows.min() <= rim
    assert columns.max() >= x2 - x1 - 1 - rim
    assert rows.max() >= y2 - y1 - 1 - rim


def extents(masks: npt.NDArray[np.uint8]) -> list[list[float]]:
    """x1, y1, x2, y2 of each mask."""
    found = []
    for mask in masks:
        rows, columns = np.nonzero(mask)
        found.append([float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1)])
    return found
