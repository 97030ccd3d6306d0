"""The competition's file of label maps: `image_id,PredictionString`, the labels row by row, separated by blanks."""

import csv
import math
import sys
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from recycle.errors import DataError
from recycle.files import replacing

HEADER = ["image_id", "PredictionString"]
WORDS = [str(label) for label in range(256)]
HIGHEST = 254
"""255 stands for pixels without a label, which no prediction has."""

FEWEST_PIXELS = 1024
"""Of a map by which a file is known to hold maps: a few whole numbers may be boxes."""

LabelMap = npt.NDArray[np.uint8]


class PredictedMap(NamedTuple):
    """One line: what stands in the column `image_id`, and the labels, shape (height, width)."""

    name: str
    labels: LabelMap


def write_label_map_csv(maps: Iterable[PredictedMap], path: Path) -> None:
    """Writes label maps in the given order, one after the other; the file appears complete or not at all.

    Args:
        maps: Names and label maps of a few images at a time, as a generator gives them.
        path: The file; its folder is made if it is missing.
    """
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        for name, labels in maps:
            writer.writerow([name, " ".join([WORDS[label] for label in labels.ravel().tolist()])])


def iterate_label_map_csv(path: Path, size: tuple[int, int] | None = None) -> Iterator[PredictedMap]:
    """Reads label maps line by line, so that only one is in memory.

    Args:
        path: The file; its columns may stand in any order.
        size: Height and width of all maps; if None they are squares.

    Yields:
        Name and label map of each line.

    Raises:
        DataError: A column is missing, an image is there twice, or a line does not hold as many labels from 0 to 254 as
            its map has pixels; names file, line and value.
    """
    csv.field_size_limit(sys.maxsize)
    seen: set[str] = set()
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            columns = _columns(next(reader, []), path)
            for row in filter(None, reader):
                place = f"{path}: line {reader.line_num}"
                name, text = _fields(row, columns, place)
                if name in seen:
                    raise DataError(f"{place}: image_id must occur once, but {name!r} occurs again")
                seen.add(name)
                yield PredictedMap(name, _labels(text, size, place))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: not a readable CSV file: {error}") from None


def read_label_map_csv(path: Path, size: tuple[int, int] | None = None) -> dict[str, LabelMap]:
    """Reads all label maps of a file by name; arguments and errors as for `iterate_label_map_csv`."""
    return {one.name: one.labels for one in iterate_label_map_csv(path, size)}


def is_label_map_csv(path: Path) -> bool:
    """Whether a CSV file looks like one of label maps: its first string holds whole numbers alone, very many of them.

    A string of boxes holds scores, which are fractions.
    """
    if path.suffix != ".csv" or not path.is_file():
        return False
    csv.field_size_limit(sys.maxsize)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            columns = _columns(next(reader, []), path)
            _, text = _fields(next(reader), columns, str(path))
    except (DataError, UnicodeDecodeError, csv.Error, StopIteration):
        return False
    return text.count(" ") >= FEWEST_PIXELS - 1 and text.replace(" ", "").isdecimal()


def _columns(header: list[str], path: Path) -> tuple[int, int]:
    for name in HEADER:
        if header.count(name) != 1:
            got = ascii(",".join(header))[:80]
            raise DataError(f"{path}: line 1: must name the columns {' and '.join(HEADER)} once, but got {got}")
    return header.index(HEADER[0]), header.index(HEADER[1])


def _fields(row: list[str], columns: tuple[int, int], place: str) -> tuple[str, str]:
    if len(row) <= max(columns):
        raise DataError(f"{place}: must have as many columns as the header, but got {len(row)}")
    return row[columns[0]], row[columns[1]]


def _labels(text: str, size: tuple[int, int] | None, place: str) -> LabelMap:
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # NumPy's way of saying that there is more than numbers
        try:
            numbers = np.fromstring(text, np.int64, sep=" ")
        except (ValueError, DeprecationWarning):
            word = next((word for word in text.split() if not word.isdecimal()), "")
            raise DataError(f"{place}: PredictionString must hold whole numbers, but got {ascii(word)[:80]}") from None
    outside = numbers[(numbers < 0) | (numbers > HIGHEST)]
    if outside.size:
        raise DataError(f"{place}: a label must be between 0 and {HIGHEST}, but got {outside[0]}")
    height, width = size or (math.isqrt(len(numbers)),) * 2
    if height * width != len(numbers) or not len(numbers):
        wanted = f"{height} x {width} labels" if size else "the labels of a square map"
        raise DataError(f"{place}: PredictionString must hold {wanted}, but got {len(numbers)} numbers")
    return numbers.astype(np.uint8).reshape(height, width)
