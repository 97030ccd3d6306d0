"""From a JSON document to COCO records whose ids are unique and whose references lead somewhere."""

import os
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from recycle.data.findings import Findings
from recycle.data.json_files import read_json
from recycle.data.records import (
    Annotation,
    Category,
    Image,
    RecordError,
    parse_annotation,
    parse_category,
    parse_image,
    shorten,
)
from recycle.errors import DataError

Record = TypeVar("Record", Category, Image, Annotation)


@dataclass(frozen=True)
class Structure:
    """The sound records of a COCO file."""

    categories: tuple[Category, ...] = ()
    images: tuple[Image, ...] = ()
    annotations: tuple[Annotation, ...] = ()


def read_structure(path: Path, folder: Path, findings: Findings, *, labelled: bool) -> Structure:
    """Reads the records of a COCO file; what is wrong becomes findings, and such records are left out.

    Args:
        path: COCO JSON, plain or `.gz`.
        folder: The folder that no `file_name` may leave.
        findings: Takes what is found.
        labelled: Whether the file must list annotations.
    """
    try:
        document = read_json(path)
    except DataError as error:
        findings.add("not_coco", path.name, "file", str(error))
        return Structure()
    if not isinstance(document, dict):
        findings.add("not_coco", path.name, "file", document)
        return Structure()
    reader = _Reader(path.name, document, findings)
    categories = reader.categories()
    images = reader.images(folder)
    annotations = reader.annotations(categories, images, labelled=labelled)
    return Structure(tuple(categories), tuple(images), tuple(annotations))


@dataclass(frozen=True)
class _Reader:
    file: str
    document: dict[str, Any]
    findings: Findings

    def categories(self) -> list[Category]:
        records = self._records("categories", parse_category)
        unique = self._unique(records, "duplicate_category_id", lambda category: category.id)
        return self._unique(unique, "duplicate_category_name", lambda category: category.name)

    def images(self, folder: Path) -> list[Image]:
        records = self._records("images", parse_image)
        unique = self._unique(records, "duplicate_image_id", lambda image: image.id)
        # `./a.jpg` and `a.jpg` are one file
        unique = self._unique(unique, "duplicate_file_name", lambda image: str(PurePosixPath(image.file_name)))
        return [image for image in unique if self._stays_inside(image, folder)]

    def annotations(
        self, categories: Iterable[Category], images: Iterable[Image], *, labelled: bool
    ) -> list[Annotation]:
        records = self._records("annotations", parse_annotation, required=labelled)
        unique = self._unique(records, "duplicate_annotation_id", lambda annotation: annotation.id)
        sound_images = {image.id for image in images}
        sound_categories = {category.id for category in categories}
        self._report_unknown(unique, sound_images, sound_categories)
        return [a for a in unique if a.image_id in sound_images and a.category_id in sound_categories]

    def _records(self, key: str, parse: Callable[[object], Record], *, required: bool = True) -> list[Record]:
        listed = self.document.get(key, None if required else [])
        if not isinstance(listed, list) or (required and not listed):
            value = f"must be a list of records, but got {shorten(listed)}" if key in self.document else "is missing"
            self.findings.add("not_coco", self.file, key, f"`{key}` {value}")
            return []
        parsed: list[Record] = []
        for index, record in enumerate(listed):
            try:
                parsed.append(parse(record))
            except RecordError as error:
                self.findings.add(error.rule, self.file, _name_of(key, index, record), str(error))
        return parsed

    def _unique(self, records: list[Record], rule: str, identity: Callable[[Record], Hashable]) -> list[Record]:
        kept: dict[Hashable, Record] = {}
        for record in records:
            key = identity(record)
            if kept.setdefault(key, record) is not record:
                name = f"{type(record).__name__.lower()} {record.id}"
                self.findings.add(rule, self.file, name, f"{shorten(key)} occurs again")
        return list(kept.values())

    def _stays_inside(self, image: Image, folder: Path) -> bool:
        name = PurePosixPath(image.file_name)
        target = os.path.realpath(folder / name)
        if name.is_absolute():
            reason = "is absolute"
        elif ".." in name.parts:
            reason = "goes up by `..`"
        elif not Path(target).is_relative_to(os.path.realpath(folder)):
            reason = f"is a link to {shorten(target)}"
        else:
            return True
        self.findings.add("file_outside_folder", image.file_name, f"image {image.id}", f"file_name {reason}")
        return False

    def _report_unknown(self, annotations: Iterable[Annotation], images: set[int], categories: set[int]) -> None:
        """Reports references to nothing; those to a faulty record, itself reported, go without a further word."""
        images, categories = images | self._named("images"), categories | self._named("categories")
        for annotation in annotations:
            name = f"annotation {annotation.id}"
            if annotation.image_id not in images:
                self.findings.add("unknown_image", self.file, name, f"image_id={annotation.image_id}")
            if annotation.category_id not in categories:
                self.findings.add("unknown_category", self.file, name, f"category_id={annotation.category_id}")

    def _named(self, key: str) -> set[int]:
        listed = self.document.get(key)
        records = listed if isinstance(listed, list) else []
        ids = (record.get("id") for record in records if isinstance(record, dict))
        return {known for known in ids if isinstance(known, int)}


def _name_of(key: str, index: int, record: object) -> str:
    known = record.get("id") if isinstance(record, dict) else None
    return f"{key}[{index}]" + (f" (id {shorten(known)})" if isinstance(known, int) else "")
