"""The images and annotations that come of pasting objects."""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import cv2

from recycle.data.coco import Annotation, Dataset, Image
from recycle.data.copy_paste_masks import Region, annotate
from recycle.data.copy_paste_objects import Picture, paste_object
from recycle.data.copy_paste_places import Placement, Scene
from recycle.data.images import read_image
from recycle.files import replacing

_JPEG_SUFFIXES = (".jpg", ".jpeg")
_JPEG_QUALITY = 95
_PICTURES_KEPT = 8


def write_images(
    dataset: Dataset, placements: Sequence[Placement], regions: Mapping[int, Region], folder: Path
) -> Dataset:
    """Carries placements out and writes the images that they change; all others become symbolic links.

    Args:
        dataset: Images with their annotations, a mask for each object that is no crowd.
        placements: What is pasted, in this order.
        regions: Pixels of the pasted objects in the images they come from, by annotation id.
        folder: Takes the place of the data set's folder; files of the same name there are replaced.

    Returns:
        The data set in `folder`: first the annotations of `dataset` in their order, then those of pasted objects, with
        ids from the largest on.

    Raises:
        DataError: An image cannot be read.
    """
    by_image: defaultdict[int, list[Placement]] = defaultdict(list)
    for placement in placements:
        by_image[placement.image_id].append(placement)
    workshop = _Workshop(dataset, regions, folder)
    changed: dict[int, Annotation] = {}
    for image in dataset.images:
        if image.id in by_image:
            changed.update((each.id, each) for each in workshop.change(image, by_image[image.id]))
        else:
            _link(folder / image.file_name, dataset.path_of(image))
    unchanged = {annotation.id: annotation for annotation in dataset.annotations}
    return replace(dataset, folder=folder, annotations=tuple((unchanged | changed).values()))


class _Workshop:
    def __init__(self, dataset: Dataset, regions: Mapping[int, Region], folder: Path) -> None:
        self._dataset = dataset
        self._regions = regions
        self._folder = folder
        self._annotations = dataset.annotations_by_image()
        self._original = {annotation.id: annotation for annotation in dataset.annotations}
        self._images = {image.id: image for image in dataset.images}
        self._new_ids = itertools.count(max(self._original, default=0) + 1)
        # The few objects of a rare class are drawn again and again.
        self._source = lru_cache(_PICTURES_KEPT)(self._read)

    def change(self, image: Image, placements: Sequence[Placement]) -> Iterator[Annotation]:
        """Writes the image with the objects pasted; yields the annotations that this changed, then new ones."""
        picture = self._read(image.id)
        annotations = self._annotations[image.id]
        scene = Scene(image, annotations)
        for placement in placements:
            scene.lay(self._paste(picture, placement))
        _write(self._folder / image.file_name, picture)
        for index, annotation in enumerate(annotations):
            if scene.is_covered(index):
                yield annotate(annotation, scene.visible[index])
        for placement, region in zip(placements, scene.visible[len(annotations) :], strict=True):
            pasted = annotate(self._original[placement.annotation_id], region)
            yield replace(pasted, id=next(self._new_ids), image_id=image.id)

    def _paste(self, picture: Picture, placement: Placement) -> Region:
        region = self._regions[placement.annotation_id]
        source = self._source(self._original[placement.annotation_id].image_id)
        return paste_object(picture, source, region, placement.appearance, (placement.left, placement.top))

    def _read(self, image_id: int) -> Picture:
        image = self._images[image_id]
        return read_image(self._dataset.path_of(image), image.width, image.height)


def _write(path: Path, picture: Picture) -> None:
    is_jpeg = path.suffix.lower() in _JPEG_SUFFIXES
    options = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY] if is_jpeg else []
    encoded, data = cv2.imencode(".jpg" if is_jpeg else ".png", picture, options)
    assert encoded
    with replacing(path) as temporary:  # a link of an earlier run would lead to the original
        temporary.write_bytes(data.tobytes())


def _link(path: Path, original: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(original.resolve())
