"""Copy-paste for rare classes: objects of a fold's training images, pasted into other ones of them."""

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from recycle.data.coco import Dataset, write_coco
from recycle.data.copy_paste_grabcut import grabcut_masks
from recycle.data.copy_paste_images import write_images
from recycle.data.copy_paste_masks import require_masks
from recycle.data.copy_paste_places import cuttable_objects, plan_placements
from recycle.errors import DataError, RecipeError
from recycle.recipe.copy_paste import CopyPaste

ANNOTATIONS = "annotations.json"


@dataclass(frozen=True)
class AugmentedFold:
    """A fold's training part after copy-paste."""

    dataset: Dataset
    added: Mapping[str, int]
    """How many objects were pasted, by class name, in the order of the categories."""
    without_objects: tuple[str, ...]
    """Classes that were to get more but have no object large enough to be pasted."""


def augment_fold(train: Dataset, settings: CopyPaste, seed: int, folder: Path) -> AugmentedFold:
    """Pastes objects of short classes into other images of a training part and writes the result as a data set.

    An image that gets objects replaces the one it is made of, under its id and file name: an epoch stays as long as it
    was, no object is seen twice as often, and every class has exactly as many objects more as were added. All other
    images are linked to. What a pasted object covers is taken from the masks of those under it, whose boxes shrink to
    the extents of what is left; all other annotations, crowds among them, stay as they are. Equal arguments give equal
    files.

    Objects and images both come from `train` alone, which must not hold an image of the fold that it is scored on.

    Args:
        train: The training part of one fold. Masks may be missing if `settings` has them guessed.
        settings: Which classes get how many objects, and how they are pasted.
        seed: Not negative.
        folder: Gets the images, JPEG or, for any other suffix, PNG, and `annotations.json`; made if it is missing. It
            must not be where the images of `train` lie.

    Returns:
        The data set in `folder`, with the numbers of objects that were added.

    Raises:
        RecipeError: `settings` names a class that is not in the data set.
        DataError: An object has no mask, an image cannot be read, there is no room for so many objects, or `folder`
            holds the images of `train`.
    """
    _require_apart(train, folder)
    masked = _masked(train, settings)
    wanted = wanted_additions(masked, settings)
    objects = {category_id: cuttable_objects(masked, category_id, settings.min_area) for category_id in wanted}
    additions = {category_id: count for category_id, count in wanted.items() if objects[category_id]}
    placements = plan_placements(masked, objects, additions, settings, seed)
    regions = {annotation_id: region for found in objects.values() for annotation_id, region in found.items()}
    dataset = _forget_guesses(write_images(masked, placements, regions, folder), masked, train)
    write_coco(dataset, folder / ANNOTATIONS)
    names = {category.id: category.name for category in train.categories}
    return AugmentedFold(
        dataset,
        {names[category_id]: count for category_id, count in additions.items()},
        tuple(names[category_id] for category_id in wanted if not objects[category_id]),
    )


def require_suitable(train: Dataset, settings: CopyPaste) -> None:
    """Refuses data that the settings do not fit.

    Args:
        train: All training images, of which each fold's training part is a part.
        settings: Which classes get how many objects, and whether masks may be guessed.

    Raises:
        RecipeError: `settings` names a class that is not in the data set.
        DataError: An object has no mask, and is not to get one.
    """
    if settings.additions != "median":
        _require_known(settings.additions, train.class_names)
    if settings.masks_from_boxes == "refuse":
        require_masks(train)


def wanted_additions(dataset: Dataset, settings: CopyPaste) -> dict[int, int]:
    """How many objects the settings ask for, by category id in the order of the categories.

    The median is that of the classes with objects; crowds are not counted.

    Args:
        dataset: The training part of one fold.
        settings: Names of its classes with numbers, or `median`.
    """
    if settings.additions != "median":
        numbers = settings.additions
        return {each.id: numbers[each.name] for each in dataset.categories if each.name in numbers}
    counts = Counter(annotation.category_id for annotation in dataset.annotations if not annotation.iscrowd)
    median = int(statistics.median(counts.values())) if counts else 0
    return {each.id: median - counts[each.id] for each in dataset.categories if counts[each.id] < median}


def _require_known(names: Mapping[str, int], known: Sequence[str]) -> None:
    for name in names:
        if name not in known:
            raise RecipeError(
                f"data.copy_paste.additions must name classes of the data set, {', '.join(known)}, but got {name!r}"
            )


def _masked(train: Dataset, settings: CopyPaste) -> Dataset:
    require_suitable(train, settings)
    return grabcut_masks(train) if settings.masks_from_boxes == "grabcut" else train


def _forget_guesses(dataset: Dataset, masked: Dataset, train: Dataset) -> Dataset:
    """Keeps guessed masks only of what was pasted or is covered now: of all other objects the box is known better."""
    guessed = {annotation.id: annotation for annotation in masked.annotations}
    annotated = {annotation.id: annotation for annotation in train.annotations}
    annotations = tuple(annotated[each.id] if each == guessed.get(each.id) else each for each in dataset.annotations)
    return replace(dataset, annotations=annotations)


def _require_apart(train: Dataset, folder: Path) -> None:
    for image in train.images:
        path = train.path_of(image)
        if (folder / image.file_name).parent.resolve() == path.parent.resolve():
            raise DataError(f"copy-paste must write to another folder than that of {path}, but got folder={folder}")
