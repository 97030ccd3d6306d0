"""A COCO data set as a value, and its file form."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from recycle.data.json_files import read_json, write_json
from recycle.data.records import (
    Annotation,
    Category,
    Image,
    RecordError,
    Segmentation,
    parse_annotation,
    parse_category,
    parse_image,
)
from recycle.errors import DataError
from recycle.predictions.boxes import xywh_to_xyxy

__all__ = ["Annotation", "Category", "Dataset", "Image", "Segmentation", "TruthBoxes", "read_coco", "write_coco"]

Record = TypeVar("Record")


@dataclass(frozen=True, eq=False)
class TruthBoxes:
    """The annotations as parallel columns of n rows."""

    image_ids: npt.NDArray[np.int64]
    """(n,) ids of images."""
    boxes: npt.NDArray[np.float32]
    """(n, 4) x1, y1, x2, y2 in pixels."""
    labels: npt.NDArray[np.int32]
    """(n,) indices into the categories in order."""
    is_crowd: npt.NDArray[np.bool_]
    """(n,) whether the box stands for a crowd."""
    areas: npt.NDArray[np.float32]
    """(n,) square pixels: of the mask where there is one, else of the box."""

    def __len__(self) -> int:
        """How many annotations there are."""
        return len(self.image_ids)


@dataclass(frozen=True)
class Dataset:
    """Images with their annotations; an image lies at `folder / image.file_name`.

    Raises:
        DataError: An id, class name or file name occurs twice, or an annotation names an unknown image or category.
    """

    folder: Path
    categories: tuple[Category, ...]
    images: tuple[Image, ...]
    annotations: tuple[Annotation, ...]

    def __post_init__(self) -> None:
        """Refuses ids and names that are not unique and references that lead nowhere."""
        _require_unique("category id", [category.id for category in self.categories])
        _require_unique("category name", [category.name for category in self.categories])
        _require_unique("image id", [image.id for image in self.images])
        _require_unique("file_name", [image.file_name for image in self.images])
        _require_unique("annotation id", [annotation.id for annotation in self.annotations])
        self._require_references()

    def _require_references(self) -> None:
        images = {image.id for image in self.images}
        categories = {category.id for category in self.categories}
        for annotation in self.annotations:
            if annotation.image_id not in images:
                raise DataError(f"annotation {annotation.id}: unknown image_id={annotation.image_id}")
            if annotation.category_id not in categories:
                raise DataError(f"annotation {annotation.id}: unknown category_id={annotation.category_id}")

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the categories in order; a label is an index into it."""
        return tuple(category.name for category in self.categories)

    @property
    def label_of(self) -> dict[int, int]:
        """Label (index into the categories) by category id."""
        return {category.id: label for label, category in enumerate(self.categories)}

    def path_of(self, image: Image) -> Path:
        """Where the image's file lies."""
        return self.folder / image.file_name

    def annotations_by_image(self) -> dict[int, list[Annotation]]:
        """Annotations in order by image id; an image without any has an empty list."""
        grouped: dict[int, list[Annotation]] = {image.id: [] for image in self.images}
        for annotation in self.annotations:
            grouped[annotation.image_id].append(annotation)
        return grouped

    def subset(self, image_ids: Iterable[int]) -> "Dataset":
        """The data set of these images and their annotations, all categories kept, in the present order.

        Args:
            image_ids: Ids of images of this data set.

        Raises:
            DataError: An id is not in this data set.
        """
        chosen = {int(image_id) for image_id in image_ids}
        unknown = chosen - {image.id for image in self.images}
        if unknown:
            raise DataError(f"a subset must be of images of the data set, but got image_id={min(unknown)}")
        images = tuple(image for image in self.images if image.id in chosen)
        annotations = tuple(a for a in self.annotations if a.image_id in chosen)
        return Dataset(self.folder, self.categories, images, annotations)

    def boxes(self) -> TruthBoxes:
        """The annotations in order as columns."""
        label_of = self.label_of
        sides = np.array([a.bbox for a in self.annotations], dtype=np.float64).reshape(-1, 4)
        return TruthBoxes(
            image_ids=np.array([a.image_id for a in self.annotations], dtype=np.int64),
            boxes=xywh_to_xyxy(sides).astype(np.float32),
            labels=np.array([label_of[a.category_id] for a in self.annotations], dtype=np.int32),
            is_crowd=np.array([a.iscrowd for a in self.annotations], dtype=np.bool_),
            areas=np.array([a.area for a in self.annotations], dtype=np.float32),
        )

    def to_coco(self) -> dict[str, Any]:
        """The data set as a COCO document, ready for JSON and for pycocotools."""
        return {
            "images": [asdict(image) for image in self.images],
            "categories": [asdict(category) for category in self.categories],
            "annotations": [_to_record(annotation) for annotation in self.annotations],
        }


def read_coco(path: Path, folder: Path) -> Dataset:
    """Reads a COCO file that is known to be good, such as one that `write_coco` wrote; images are not looked at.

    Files from elsewhere go through `recycle.data.validation.load_dataset`, which reports all that is wrong.

    Args:
        path: COCO JSON, plain or `.gz`.
        folder: The folder to which `file_name` is relative.

    Raises:
        DataError: The first thing found that is not COCO.
    """
    document = read_json(path)
    if not isinstance(document, dict):
        raise DataError(f"{path}: a COCO file must be a JSON object, but got {type(document).__name__}")
    return Dataset(
        folder,
        _parse(path, document, "categories", parse_category),
        _parse(path, document, "images", parse_image),
        _parse(path, document, "annotations", parse_annotation),
    )


def _parse(path: Path, document: dict[str, Any], key: str, parse: Callable[[object], Record]) -> tuple[Record, ...]:
    records = document.get(key)
    if not isinstance(records, list):
        raise DataError(f"{path}: `{key}` must be a list, but got {type(records).__name__}")
    parsed: list[Record] = []
    try:
        for record in records:
            parsed.append(parse(record))
    except RecordError as error:
        raise DataError(f"{path}: {key}[{len(parsed)}]: {error}") from None
    return tuple(parsed)


def write_coco(dataset: Dataset, path: Path) -> None:
    """Writes the data set as COCO JSON in one step; `.gz` at the end of the name packs it."""
    write_json(dataset.to_coco(), path)


def _to_record(annotation: Annotation) -> dict[str, Any]:
    record = {**vars(annotation), "bbox": list(annotation.bbox), "iscrowd": int(annotation.iscrowd)}
    if annotation.segmentation is None:
        del record["segmentation"]
    return record


def _require_unique(what: str, values: Sequence[int | str]) -> None:
    seen: set[int | str] = set()
    for value in values:
        if value in seen:
            raise DataError(f"a {what} must occur once, but {value!r} occurs again")
        seen.add(value)
