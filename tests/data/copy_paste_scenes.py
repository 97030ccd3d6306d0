"""Pictures in which every object has a colour of its own, so that each pixel tells which object it shows."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from recycle.data.coco import Annotation, Category, Dataset, Image
from recycle.data.copy_paste_masks import Region, annotate, object_region
from recycle.data.images import read_image

CLASSES = ("Paper", "Battery", "Clothing")
BRIGHTEST_GROUND = 60


@dataclass(frozen=True)
class Shape:
    """A filled rectangle, or the ellipse in it."""

    label: int
    left: int
    top: int
    width: int
    height: int
    is_round: bool = False

    def mask(self, width: int, height: int) -> npt.NDArray[np.bool_]:
        rows = (2 * (np.arange(height) - self.top) + 1 - self.height) / self.height
        columns = (2 * (np.arange(width) - self.left) + 1 - self.width) / self.width
        inside = rows[:, None] ** 2 + columns**2 if self.is_round else np.maximum(abs(rows)[:, None], abs(columns))
        return np.asarray(inside <= 1)


@dataclass(frozen=True)
class Picture:
    """Shapes of which later ones hide earlier ones."""

    width: int
    height: int
    shapes: tuple[Shape, ...] = ()


def colour_of(annotation_id: int) -> tuple[int, int, int]:
    """Blue, green and red of an object; the ground is darker in all three."""
    return 100 + annotation_id, 255 - annotation_id, 90


def write_pictures(folder: Path, pictures: Sequence[Picture], suffix: str = ".png") -> Dataset:
    """Draws pictures; masks hold what is visible, and boxes are their extents."""
    (folder / "images").mkdir(parents=True)
    images: list[Image] = []
    annotations: list[Annotation] = []
    new_ids = itertools.count(1)
    for number, picture in enumerate(pictures, 1):
        image = Image(number, f"images/{number}{suffix}", picture.width, picture.height)
        images.append(image)
        owner = np.zeros((picture.height, picture.width), int)
        labels = {}
        for shape, id_ in zip(picture.shapes, new_ids, strict=False):
            owner[shape.mask(picture.width, picture.height)] = id_
            labels[id_] = shape.label
        pixels = np.random.default_rng(number).integers(0, BRIGHTEST_GROUND, (*owner.shape, 3)).astype(np.uint8)
        for id_ in np.unique(owner[owner > 0]).tolist():
            pixels[owner == id_] = colour_of(id_)
            bare = Annotation(id_, number, labels[id_], (0.0, 0.0, 1.0, 1.0), 1.0, False, None)
            annotations.append(annotate(bare, Region.of(owner == id_)))
        cv2.imwrite(str(folder / image.file_name), pixels)
    categories = tuple(Category(label, name) for label, name in enumerate(CLASSES))
    return Dataset(folder, categories, tuple(images), tuple(annotations))


def pixels_of(dataset: Dataset, image: Image) -> npt.NDArray[np.uint8]:
    return read_image(dataset.path_of(image), image.width, image.height)


def full_mask(annotation: Annotation, image: Image) -> npt.NDArray[np.bool_]:
    """(height, width) of the image: the object's pixels, as the written polygons give them."""
    region = object_region(annotation, image)
    mask = np.zeros((image.height, image.width), np.bool_)
    mask[region.top : region.bottom, region.left : region.right] = region.mask
    return mask


def shapes(width: int, height: int) -> st.SearchStrategy[Shape]:
    """Shapes of at least 4 pixels a side inside a picture."""
    sides = st.tuples(st.integers(4, width // 2), st.integers(4, height // 2))
    return sides.flatmap(
        lambda side: st.builds(
            Shape,
            st.integers(0, len(CLASSES) - 1),
            st.integers(0, width - side[0]),
            st.integers(0, height - side[1]),
            st.just(side[0]),
            st.just(side[1]),
            st.booleans(),
        )
    )


def pictures() -> st.SearchStrategy[Picture]:
    """Pictures of 24 to 56 pixels a side with up to 3 shapes."""
    sides = st.tuples(st.integers(24, 56), st.integers(24, 56))
    return sides.flatmap(
        lambda side: st.builds(
            Picture, st.just(side[0]), st.just(side[1]), st.lists(shapes(*side), max_size=3).map(tuple)
        )
    )
