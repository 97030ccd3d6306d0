"""Images to be predicted that belong to no data set: a folder of photographs, or a COCO file that lists them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from recycle.data.coco import Category, Dataset, Image, read_coco
from recycle.data.images import displayed_size, frame_of
from recycle.data.records import RecordError, parse_image
from recycle.data.scan import ImageFacts, ImageFault, scan_images
from recycle.errors import DataError

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
"""What counts as an image in a folder, in lower or upper case."""

MOST_NAMED = 20
"""So many broken files are named one by one."""


def read_new_images(source: Path, categories: tuple[Category, ...]) -> Dataset:
    """Reads and checks images to be predicted.

    Args:
        source: A folder, whose images are found at any depth and numbered from 1 by name, hidden ones left out; or a
            COCO file, whose ids and names are taken, names relative to its folder. Its annotations are not used.
        categories: The classes of those who will predict them.

    Returns:
        The images, as displayed, without annotations.

    Raises:
        DataError: If there is no image, or any cannot be read; names the files.
    """
    if source.is_dir():
        return Dataset(source.absolute(), categories, _images_of_folder(source), ())
    listed = read_coco(source, source.absolute().parent)
    if not listed.images:
        raise DataError(f"{source}: there is no image in this list")
    _require_recorded_sizes(listed.images, _scan(listed.folder, [image.file_name for image in listed.images]))
    return replace(listed, categories=categories, annotations=())


def _images_of_folder(folder: Path) -> tuple[Image, ...]:
    names = sorted(path.relative_to(folder).as_posix() for path in _walk(folder))
    if not names:
        raise DataError(f"{folder}: there is no image in this folder ({', '.join(SUFFIXES)})")
    return tuple(_record(i, name, facts) for i, (name, facts) in enumerate(_scan(folder, names).items(), start=1))


def _walk(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        is_hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix.lower() in SUFFIXES and not is_hidden and path.is_file():
            yield path


def _scan(folder: Path, names: Sequence[str]) -> dict[str, ImageFacts]:
    scanned = dict(zip(names, scan_images([folder / name for name in names]), strict=True))
    _refuse(
        [
            f"{folder / name}: {result.rule}: {result.value}"
            for name, result in scanned.items()
            if isinstance(result, ImageFault)
        ]
    )
    return {name: result for name, result in scanned.items() if isinstance(result, ImageFacts)}


def _require_recorded_sizes(images: Sequence[Image], facts: Mapping[str, ImageFacts]) -> None:
    faults = []
    for image in images:
        found = facts[image.file_name]
        if frame_of(found.size, found.orientation, (image.width, image.height)) is None:
            width, height = displayed_size(found.size, found.orientation)
            faults.append(f"{image.file_name}: recorded as {image.width}x{image.height}, but is {width}x{height}")
    _refuse(faults)


def _refuse(faults: Sequence[str]) -> None:
    if faults:
        more = [f"and {len(faults) - MOST_NAMED} more"] if len(faults) > MOST_NAMED else []
        raise DataError("\n  ".join(["these images cannot be predicted:", *faults[:MOST_NAMED], *more]))


def _record(image_id: int, name: str, facts: ImageFacts) -> Image:
    width, height = displayed_size(facts.size, facts.orientation)
    try:
        return parse_image({"id": image_id, "file_name": name, "width": width, "height": height})
    except RecordError as error:
        raise DataError(f"{name!a}: {error}") from None
