"""The three kinds of records of a COCO file, and how each is read from JSON."""

import math
import unicodedata
from dataclasses import dataclass
from typing import Any, TypeAlias

Segmentation: TypeAlias = list[list[float]] | dict[str, Any]
"""Polygons as flat lists x1, y1, x2, y2, ... in pixels, or a run-length encoding with `size` and `counts`."""

MAX_ID = 2**63 - 1
MAX_SIDE = 2**24  # float32, in which boxes are kept, is exact to here


@dataclass(frozen=True)
class Category:
    """A class of objects."""

    id: int
    name: str


@dataclass(frozen=True)
class Image:
    """A picture: `file_name` is relative to the data folder, `width` and `height` are pixels."""

    id: int
    file_name: str
    width: int
    height: int


@dataclass(frozen=True)
class Annotation:
    """One object in one image: `bbox` is x, y, width, height in pixels, `area` is square pixels."""

    id: int
    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]
    area: float
    iscrowd: bool
    segmentation: Segmentation | None


def mask_or_box(annotation: Annotation) -> Segmentation:
    """The mask of an annotation, or its box as a polygon where there is none."""
    x, y, width, height = annotation.bbox
    right, bottom = x + width, y + height
    return annotation.segmentation or [[x, y, right, y, right, bottom, x, bottom]]


class RecordError(ValueError):
    """A record that breaks the format; `rule` names how."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(message)
        self.rule = rule


def parse_category(record: object) -> Category:
    """Reads a category; raises RecordError where a field is missing or of a wrong type."""
    return Category(_whole(record, "id"), _text(record, "name"))


def parse_image(record: object) -> Image:
    """Reads an image; raises RecordError where a field is missing or of a wrong type."""
    return Image(
        _whole(record, "id"),
        _text(record, "file_name"),
        _whole(record, "width", 1, MAX_SIDE),
        _whole(record, "height", 1, MAX_SIDE),
    )


def parse_annotation(record: object) -> Annotation:
    """Reads an annotation; raises RecordError where a field is missing or of a wrong type.

    The box may still be NaN, empty or outside its image. `area` defaults to that of the box, `iscrowd` to 0, and
    an empty `segmentation` means that there is none, as in many files made for detection alone.
    """
    bbox = _box(_field(record, "bbox"))
    optional = _fields(record)
    return Annotation(
        id=_whole(record, "id"),
        image_id=_whole(record, "image_id"),
        category_id=_whole(record, "category_id"),
        bbox=bbox,
        area=_area(optional, bbox),
        iscrowd=bool(_whole(record, "iscrowd", 0, 1)) if "iscrowd" in optional else False,
        segmentation=_segmentation(optional.get("segmentation")),
    )


def _fields(record: object) -> dict[str, Any]:
    if not isinstance(record, dict):
        raise RecordError("wrong_type", f"a record must be an object, but got {shorten(record)}")
    return record


def _field(record: object, key: str) -> object:
    fields = _fields(record)
    if key not in fields:
        raise RecordError("missing_key", f"`{key}` is missing")
    return fields[key]


def _whole(record: object, key: str, lowest: int = -MAX_ID - 1, highest: int = MAX_ID) -> int:
    value = _field(record, key)
    if isinstance(value, bool) and (lowest, highest) == (0, 1):
        return int(value)
    if type(value) is not int:
        raise RecordError("wrong_type", f"`{key}` must be a whole number, but got {shorten(value)}")
    if not lowest <= value <= highest:
        rule = f"`{key}` must be between {lowest} and {highest}"
        raise RecordError("wrong_value", f"{rule}, but got {shorten(value)}")
    return value


def _text(record: object, key: str) -> str:
    value = _field(record, key)
    if not isinstance(value, str) or not value.strip():
        raise RecordError("wrong_type", f"`{key}` must be text, but got {shorten(value)}")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
        rule = f"`{key}` must be without control characters and lone surrogates"
        raise RecordError("wrong_value", f"{rule}, but got {shorten(value)}")
    return value


def _box(value: object) -> tuple[float, float, float, float]:
    if not isinstance(value, list) or len(value) != 4 or not all(map(_is_number, value)):
        raise RecordError("box_malformed", f"`bbox` must be four numbers, but got {shorten(value)}")
    x, y, width, height = map(_to_float, value)
    return x, y, width, height


def _area(record: dict[str, Any], bbox: tuple[float, float, float, float]) -> float:
    if "area" not in record:
        return bbox[2] * bbox[3]
    area = record["area"]
    if not _is_number(area) or not 0 <= _to_float(area) < math.inf:
        raise RecordError("area_malformed", f"`area` must be a number from 0, but got {shorten(area)}")
    return _to_float(area)


def _segmentation(value: object) -> Segmentation | None:
    if value is None or value == []:
        return None
    if isinstance(value, dict) and _is_run_length(value):
        return value
    if isinstance(value, list) and all(map(_is_polygon, value)):
        return [list(map(float, polygon)) for polygon in value]
    rule = "`segmentation` must be polygons of at least three points or a run-length encoding"
    raise RecordError("segmentation_malformed", f"{rule}, but got {shorten(value)}")


def _is_polygon(value: object) -> bool:
    if not isinstance(value, list) or len(value) < 6 or len(value) % 2:
        return False
    return all(_is_number(number) and math.isfinite(_to_float(number)) for number in value)


def _is_run_length(value: dict[str, Any]) -> bool:
    size, counts = value.get("size"), value.get("counts")
    if not isinstance(size, list) or len(size) != 2 or not all(map(_is_count, size)):
        return False
    if isinstance(counts, list):
        return all(map(_is_count, counts)) and sum(counts) == size[0] * size[1]
    return isinstance(counts, str)


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value <= MAX_SIDE**2


def _is_number(value: object) -> bool:
    return type(value) in (int, float)


def _to_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # JSON knows whole numbers of any size
        return math.inf


def shorten(value: object) -> str:
    """The value as one line of at most 80 characters, for messages."""
    text = ascii(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
