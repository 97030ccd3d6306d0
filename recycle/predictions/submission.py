"""The competition's file of detections."""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recycle.errors import DataError
from recycle.files import replacing
from recycle.predictions.values import Predictions


def write_detection_csv(predictions: Predictions, file_names: Mapping[int, str], path: Path) -> None:
    """Writes the CSV `PredictionString,image_id`.

    A prediction string is `label score xmin ymin xmax ymax` for each box of an image, in absolute pixels and by
    descending score. Every number is the shortest that reads back as the same float32. Every covered image has
    a line, by ascending image id; one without boxes has an empty string. The file appears complete or not at all.

    Args:
        predictions: One model's, that is, the ensemble's predictions.
        file_names: The name that stands in the column `image_id`, by image id.
        path: The file to write; its folder is made if it is missing.

    Raises:
        DataError: If there is not exactly one model, or an image without a file name.
    """
    if len(predictions.models) != 1:
        raise DataError(f"A submission must hold one model, but got {len(predictions.models)} models.")
    missing = [image_id for image_id in predictions.covered.tolist() if image_id not in file_names]
    if missing:
        raise DataError(f"Every image of a submission must have a file name, but image {missing[0]} has none.")
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["PredictionString", "image_id"])
        writer.writerows((line, file_names[image_id]) for image_id, line in _lines(predictions))


def _lines(predictions: Predictions) -> Iterator[tuple[int, str]]:
    order = np.lexsort((-predictions.scores, predictions.image_ids))
    numbers = (predictions.labels, predictions.scores, *predictions.boxes.T)
    columns = [pa.array(np.ascontiguousarray(column[order])).cast(pa.string()) for column in numbers]
    boxes = pc.binary_join_element_wise(*columns, " ")
    covered = predictions.covered
    starts = np.searchsorted(predictions.image_ids[order], covered)
    offsets = pa.array(np.append(starts, len(predictions)).astype(np.int32))
    lines = pc.binary_join(pa.ListArray.from_arrays(offsets, boxes), " ")
    return zip(covered.tolist(), lines.to_pylist(), strict=True)
