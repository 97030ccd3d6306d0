"""Detections as COCO results: a JSON list of records with image_id, category_id, bbox (x, y, width, height), score."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recycle.errors import DataError
from recycle.files import replacing
from recycle.predictions.boxes import xywh_to_xyxy, xyxy_to_xywh
from recycle.predictions.found_boxes import FoundBoxes
from recycle.predictions.values import Predictions

_DECIMALS = 9  # float32 needs no more digits


def parse_coco_results(
    document: object, source: str, file_names: Mapping[int, str], label_of: Mapping[int, int]
) -> FoundBoxes:
    """Makes boxes of the JSON document of COCO results; keys beyond the four are ignored, such as `segmentation`.

    Args:
        document: The JSON value.
        source: The file, for messages.
        file_names: File name by image id.
        label_of: Label by category id.

    Returns:
        The boxes by record; images are those that have boxes, as the format has no others.

    Raises:
        DataError: If the document is no such list, a record is of an unknown image or category, or a value is one that
            `FoundBoxes` refuses.
    """
    if not isinstance(document, list):
        raise DataError(f"{source}: COCO results must be a JSON list, but got {type(document).__name__}")
    rows = [_row(record, f"{source}: record {i}", file_names, label_of) for i, record in enumerate(document)]
    images = dict.fromkeys(name for name, _ in rows)
    position = {name: i for i, name in enumerate(images)}
    values = np.array([row for _, row in rows], np.float64).reshape(-1, 6)
    return FoundBoxes(
        source=source,
        format="COCO",
        images=tuple(images),
        lists_all=False,
        values=np.concatenate([values[:, :2], xywh_to_xyxy(values[:, 2:])], axis=1),
        positions=np.array([position[name] for name, _ in rows], np.int64),
        places=np.arange(len(rows)),
        unit="record",
    )


def write_coco_results(predictions: Predictions, category_ids: Sequence[int], path: Path) -> None:
    """Writes COCO results, by ascending image id and descending score; every number reads back as the same float32.

    Images without boxes leave no trace, as the format has no place for them. The file appears complete or not at all.

    Args:
        predictions: One model's.
        category_ids: The category's id by label.
        path: The file to write; its folder is made if it is missing.

    Raises:
        DataError: If there is not exactly one model, or a label without category.
    """
    if len(predictions.models) != 1:
        raise DataError(f"COCO results must hold one model, but got {len(predictions.models)} models.")
    beyond = predictions.labels >= len(category_ids)
    if beyond.any():
        label = predictions.labels[np.argmax(beyond)]
        raise DataError(f"Every label of COCO results must have a category, but label {label} has none.")
    order = np.lexsort((-predictions.scores, predictions.image_ids))
    columns = {
        "image_id": predictions.image_ids[order],
        "category_id": np.array(category_ids)[predictions.labels[order]],
        "bbox": np.round(xyxy_to_xywh(_shortest(predictions.boxes[order])), _DECIMALS),
        "score": _shortest(predictions.scores[order]),
    }
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        json.dump([dict(zip(columns, row, strict=True)) for row in rows], file, separators=(",", ":"))


def _row(
    record: object, place: str, file_names: Mapping[int, str], label_of: Mapping[int, int]
) -> tuple[str, list[float]]:
    """Gives a record's image and its label, score and bbox."""
    if not isinstance(record, dict):
        raise DataError(f"{place}: must be an object, but got {ascii(record)[:80]}")
    for key in ("image_id", "category_id", "bbox", "score"):
        if key not in record:
            raise DataError(f"{place}: {key} is missing")
    image_id, category_id = record["image_id"], record["category_id"]
    if type(image_id) is not int or image_id not in file_names:
        raise DataError(f"{place}: image_id must be that of a known image, but got {ascii(image_id)[:80]}")
    place = f"{place}, image {file_names[image_id]}"
    if type(category_id) is not int or category_id not in label_of:
        raise DataError(f"{place}: category_id must be that of a known category, but got {ascii(category_id)[:80]}")
    score, box = record["score"], record["bbox"]
    if not _is_number(score):
        raise DataError(f"{place}: score must be a number, but got {ascii(score)[:80]}")
    if not isinstance(box, list) or len(box) != 4 or not all(map(_is_number, box)):
        raise DataError(f"{place}: bbox must be four numbers, but got {ascii(box)[:80]}")
    return file_names[image_id], [label_of[category_id], score, *box]


def _is_number(value: object) -> bool:
    return type(value) is float or (type(value) is int and abs(value) < 1e300)


def _shortest(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """The shortest decimal numbers that read back as the same float32."""
    texts = pc.cast(pa.array(values.ravel()), pa.string())
    numbers: npt.NDArray[np.float64] = pc.cast(texts, pa.float64()).to_numpy()
    return numbers.reshape(values.shape)
