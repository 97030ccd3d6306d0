"""Reads the competition's file of detections: fast where it is as usual, line by line where something is not."""

import csv
import io
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.csv import ConvertOptions, ReadOptions, read_csv

from recycle.errors import DataError
from recycle.predictions.found_boxes import COLUMNS, FoundBoxes

IMAGE, STRING = "image_id", "PredictionString"
_USUAL_HEADERS = (f"{STRING},{IMAGE}".encode(), f"{IMAGE},{STRING}".encode())
_BLOCK = 1 << 22  # more would not stay in the processor's cache; a longer line is read the other way


def read_detection_csv(path: Path) -> FoundBoxes:
    """Reads a CSV with the columns `PredictionString` and `image_id`, in any order and among any others.

    A prediction string is `label score xmin ymin xmax ymax` for each box, in absolute pixels; an empty one means
    that nothing was found on the image.

    Args:
        path: The file, UTF-8.

    Returns:
        The boxes by line; `images` are the values of `image_id`.

    Raises:
        DataError: If the file is no such CSV, an image has several lines, or a string has text in it, a number of
            values that is no multiple of six, or a value that `FoundBoxes` refuses.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    names, lines, counts, numbers = _read_fast(raw) or _read_by_line(raw, path)
    return FoundBoxes(
        source=str(path),
        format="CSV",
        images=tuple(names),
        lists_all=True,
        values=numbers.reshape(-1, len(COLUMNS)),
        positions=np.repeat(np.arange(len(names)), counts),
        places=np.repeat(lines, counts),
        unit="line",
    )


_Content = tuple[list[str], npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]
"""Image names, their lines and numbers of boxes, and all numbers one after the other."""


def _read_fast(raw: bytes) -> _Content | None:
    """Reads a file that is as usual, and gives None for any other, wrong or not."""
    if raw[: raw.find(b"\n")].strip() not in _USUAL_HEADERS:
        return None
    options = ConvertOptions(column_types={IMAGE: pa.string(), STRING: pa.string()})
    try:
        table = read_csv(pa.BufferReader(raw), ReadOptions(block_size=_BLOCK), convert_options=options)
        parts = [_numbers(strings) for strings in table[STRING].chunks]
    except pa.ArrowException:
        return None
    names = table[IMAGE].to_pylist()
    counts = np.concatenate([np.zeros(0, np.int64), *(counts for counts, _ in parts)])
    lines = raw.count(b"\n") + (not raw.endswith(b"\n"))
    if (counts % len(COLUMNS)).any() or len(set(names)) < len(names) or "" in names or lines != len(names) + 1:
        return None
    numbers = np.concatenate([np.zeros(0), *(numbers for _, numbers in parts)])
    return names, np.arange(2, lines + 1), counts // len(COLUMNS), numbers


def _numbers(strings: pa.Array) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Splits each string at single spaces; gives how many numbers each has, and all of them."""
    # Nothing here makes Arrow import pandas, which would take longer than the reading.
    trimmed = pc.ascii_trim_whitespace(strings)
    words, lengths = pc.split_pattern(trimmed, " "), pc.binary_length(trimmed)
    flat = pc.list_flatten(words.filter(pc.cast(lengths, pa.bool_())))
    counts = np.where(np.from_dlpack(lengths) > 0, np.from_dlpack(pc.list_value_length(words)), 0)
    return counts.astype(np.int64), np.asarray(np.from_dlpack(pc.cast(flat, pa.float64())), np.float64)


def _read_by_line(raw: bytes, path: Path) -> _Content:
    """Reads any file, and says where it is wrong."""
    lines_of: dict[str, int] = {}
    strings = []
    for line, name, text in _rows(raw, path):
        if not name:
            raise DataError(f"{path}: line {line}: {IMAGE} must not be empty")
        if name in lines_of:
            raise DataError(f"{path}: line {line}, image {name}: must have one line, but line {lines_of[name]} has it")
        lines_of[name] = line
        strings.append(_numbers_of(text, f"{path}: line {line}, image {name}"))
    counts = np.array([len(numbers) // len(COLUMNS) for numbers in strings], np.int64)
    return list(lines_of), np.array([*lines_of.values()], np.int64), counts, np.concatenate([np.zeros(0), *strings])


def _rows(raw: bytes, path: Path) -> Iterator[tuple[int, str, str]]:
    """Gives the line on which each row ends, its image and its string."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}: line {line}: must be UTF-8 text, but got {raw[error.start : error.end]!r}") from None
    csv.field_size_limit(sys.maxsize)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, [])
        _require_header(header, path)
        image, string = header.index(IMAGE), header.index(STRING)
        for row in filter(None, reader):
            if len(row) != len(header):
                rule = f"must have {len(header)} columns as the header has"
                raise DataError(f"{path}: line {reader.line_num}: {rule}, but got {len(row)}")
            yield reader.line_num, row[image], row[string]
    except csv.Error as error:
        raise DataError(f"{path}: line {reader.line_num}: must be CSV, but got: {error}") from None


def _require_header(header: list[str], path: Path) -> None:
    for name in (STRING, IMAGE):
        if header.count(name) != 1:
            got = ascii(",".join(header))[:80]
            raise DataError(f"{path}: line 1: must name the columns {STRING} and {IMAGE} once, but got {got}")


def _numbers_of(text: str, place: str) -> npt.NDArray[np.float64]:
    words = text.split()
    if len(words) % len(COLUMNS):
        rule = f"{STRING} must hold {' '.join(COLUMNS)} for each box"
        raise DataError(f"{place}: {rule}, but got {len(words)} values, which is no multiple of {len(COLUMNS)}")
    try:
        return pc.cast(pa.array(words, pa.string()), pa.float64()).to_numpy()  # type: ignore[no-any-return]
    except pa.ArrowInvalid:
        word = next(word for word in words if not _is_number(word))
        raise DataError(f"{place}: {STRING} must hold numbers, but got {ascii(word)[:80]}") from None


def _is_number(word: str) -> bool:
    try:
        pc.cast(pa.scalar(word), pa.float64())
    except pa.ArrowInvalid:
        return False
    return True
