"""Where objects are pasted: into other images, on nothing that they would hide too much of."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recycle.data.coco import Annotation, Category, Dataset, Image
from recycle.data.copy_paste_masks import Mask, Region, box_region, object_region
from recycle.data.copy_paste_objects import Appearance, transformed_mask
from recycle.errors import DataError
from recycle.recipe.copy_paste import CopyPaste

_ATTEMPTS = 200
"""Objects and images tried for one addition."""
_PLACES = 20
"""Places tried in one image."""


@dataclass(frozen=True)
class Placement:
    """One object to be pasted."""

    image_id: int
    """The image it is pasted into."""
    annotation_id: int
    """The object."""
    appearance: Appearance
    left: int
    """Column of the image at which the changed object's extent begins."""
    top: int
    """Row of the image at which the changed object's extent begins."""


class Scene:
    """What is visible of an image's objects while others are laid on them.

    Args:
        image: The image.
        annotations: Its annotations, masks of all but crowds included.
    """

    def __init__(self, image: Image, annotations: Iterable[Annotation]) -> None:
        self.visible: list[Region] = []
        """Of each object in order, those laid on last; crowds are whole."""
        self._closed: list[bool] = []
        for annotation in annotations:
            region = object_region(annotation, image)
            self.visible.append(region if region.area else box_region(annotation, image))
            self._closed.append(annotation.iscrowd or not region.area)
        self._whole_areas = [region.area for region in self.visible]

    def hides_at_most(self, region: Region, max_hidden: float) -> bool:
        """Whether no object would lose more than this part of all its pixels, and crowds none."""
        for visible, whole, closed in zip(self.visible, self._whole_areas, self._closed, strict=True):
            hidden = whole - visible.area + visible.common_pixels(region)
            if hidden > (0 if closed else max_hidden * whole):
                return False
        return True

    def lay(self, region: Region) -> None:
        """Lays an object on all others."""
        self.visible = [*(visible.without(region) for visible in self.visible), region]
        self._whole_areas.append(region.area)
        self._closed.append(False)

    def is_covered(self, index: int) -> bool:
        """Whether something hides a part of an object."""
        return self.visible[index].area < self._whole_areas[index]


def cuttable_objects(dataset: Dataset, category_id: int, min_area: int) -> dict[int, Region]:
    """The objects of a class that are large enough to be pasted, by annotation id; crowds are none.

    Args:
        dataset: A mask for each object.
        category_id: The class.
        min_area: Fewest pixels of the mask.
    """
    image_of = {image.id: image for image in dataset.images}
    regions = {
        annotation.id: object_region(annotation, image_of[annotation.image_id])
        for annotation in dataset.annotations
        if annotation.category_id == category_id and not annotation.iscrowd
    }
    return {annotation_id: region for annotation_id, region in regions.items() if region.area >= min_area}


def plan_placements(
    dataset: Dataset,
    objects: Mapping[int, Mapping[int, Region]],
    additions: Mapping[int, int],
    settings: CopyPaste,
    seed: int,
) -> list[Placement]:
    """Draws which objects are pasted, how, and where; the order of dicts does not matter.

    Additions are spread over all images: none gets a second one before each has been tried for its first. No object is
    pasted into the image that it comes from.

    Args:
        dataset: The images to paste into.
        objects: For each class the objects to draw from, by annotation id.
        additions: How many objects to add, by category id.
        settings: Scale, flip, blending and limits.
        seed: Not negative.

    Returns:
        The placements in the order in which they must be carried out.

    Raises:
        DataError: There is no room for so many.
    """
    planner = _Planner(dataset, settings, np.random.default_rng(seed))
    wanted = [category for category in dataset.categories for _ in range(additions.get(category.id, 0))]
    for index in planner.rng.permutation(len(wanted)).tolist():
        planner.add(wanted[index], list(objects[wanted[index].id].items()))
    return planner.placements


class _Planner:
    def __init__(self, dataset: Dataset, settings: CopyPaste, rng: np.random.Generator) -> None:
        self.rng = rng
        self.placements: list[Placement] = []
        self._settings = settings
        self._images = dataset.images
        self._annotations = dataset.annotations_by_image()
        self._image_of_object = {annotation.id: annotation.image_id for annotation in dataset.annotations}
        self._laid: defaultdict[int, list[Region]] = defaultdict(list)
        self._hosts = self._cycle_images()

    def add(self, category: Category, objects: Sequence[tuple[int, Region]]) -> None:
        for _ in range(_ATTEMPTS):
            annotation_id, region = objects[int(self.rng.integers(len(objects)))]
            image = next(self._hosts)
            if image.id != self._image_of_object[annotation_id] and self._place(image, annotation_id, region):
                return
        raise DataError(
            f"copy-paste of class {category.name!r}: {_ATTEMPTS} attempts found no place for addition "
            f"{len(self.placements) + 1} to {len(self._images)} images where the object comes from another image, has "
            f"at least min_area={self._settings.min_area} pixels and leaves every other object with at most "
            f"max_hidden={self._settings.max_hidden} of it hidden; ask for fewer additions"
        )

    def _place(self, image: Image, annotation_id: int, region: Region) -> bool:
        appearance = self._draw_appearance(image, region)
        mask = transformed_mask(region, appearance)
        place = self._find_place(image, mask) if np.count_nonzero(mask) >= self._settings.min_area else None
        if place is None:
            return False
        self._laid[image.id].append(Region.of(mask, *place))
        self.placements.append(Placement(image.id, annotation_id, appearance, *place))
        return True

    def _draw_appearance(self, image: Image, region: Region) -> Appearance:
        """An appearance in which the object is no larger than the image."""
        height, width = region.mask.shape
        scale = self.rng.uniform(self._settings.min_scale, self._settings.max_scale)
        blendings = self._settings.blending
        return Appearance(
            scale=min(scale, image.width / (width + 2), image.height / (height + 2)),  # what rounding may add
            flip=bool(self.rng.random() < self._settings.flip_probability),
            blending=blendings[int(self.rng.integers(len(blendings)))],
        )

    def _find_place(self, image: Image, mask: Mask) -> tuple[int, int] | None:
        scene = Scene(image, self._annotations[image.id])
        for laid in self._laid[image.id]:
            scene.lay(laid)
        rows, columns = image.height - mask.shape[0] + 1, image.width - mask.shape[1] + 1
        for _ in range(_PLACES if min(rows, columns) > 0 else 0):
            left, top = int(self.rng.integers(columns)), int(self.rng.integers(rows))
            if scene.hides_at_most(Region.of(mask, left, top), self._settings.max_hidden):
                return left, top
        return None

    def _cycle_images(self) -> Iterator[Image]:
        while True:
            for index in self.rng.permutation(len(self._images)).tolist():
                yield self._images[index]
