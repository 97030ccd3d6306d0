"""Reads what ultralytics writes with `save_txt=True save_conf=True`: a text file an image, a line a box."""

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from recycle.errors import DataError
from recycle.predictions.boxes import xywh_to_xyxy
from recycle.predictions.found_boxes import FoundBoxes

FIELDS = ("class", "x_center", "y_center", "width", "height", "confidence")


def read_ultralytics_text(folder: Path, sizes: Mapping[str, tuple[int, int]]) -> FoundBoxes:
    """Reads a folder of text files whose lines are `class x_center y_center width height confidence`.

    Coordinates are fractions of the image's size. A file belongs to the image whose name has the same stem.

    Args:
        folder: The folder that holds `*.txt`.
        sizes: Width and height in pixels, by file name, of all images that there are.

    Returns:
        The boxes by line; images are those that have a file, as ultralytics writes none where it finds nothing.

    Raises:
        DataError: If a file belongs to no image or to several, a line is not six numbers, or a value is one that
            `FoundBoxes` refuses.
    """
    paths = sorted(folder.glob("*.txt"))
    images = _images_of(paths, sizes)
    rows = [_read_lines(path) for path in paths]
    counts = [len(lines) for lines in rows]
    numbers = np.array([line for lines in rows for line in lines], np.float64).reshape(-1, len(FIELDS))
    positions = np.repeat(np.arange(len(paths)), counts)
    return FoundBoxes(
        source=str(folder),
        format="text",
        images=images,
        lists_all=False,
        values=np.concatenate([numbers[:, [0, 5]], _to_pixels(numbers[:, 1:5], positions, images, sizes)], axis=1),
        positions=positions,
        places=np.concatenate([np.zeros(0, np.int64), *(np.arange(1, count + 1) for count in counts)]),
        unit="line",
    )


def _images_of(paths: Iterable[Path], names: Iterable[str]) -> tuple[str, ...]:
    """Finds the one image of each file."""
    by_stem: dict[str, list[str]] = {}
    for name in names:
        by_stem.setdefault(PurePosixPath(name).stem, []).append(name)
    images = []
    for path in paths:
        matches = by_stem.get(path.stem, [])
        if len(matches) != 1:
            found = f"got {', '.join(matches[:3])}" if matches else "there is none"
            raise DataError(f"{path}: must belong to one image with the stem {path.stem}, but {found}")
        images += matches
    return tuple(images)


def _read_lines(path: Path) -> list[list[float]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: must be UTF-8 text, but byte {error.start} is not") from None
    return [_numbers(line, f"{path}: line {number}") for number, line in enumerate(lines, start=1)]


def _numbers(line: str, place: str) -> list[float]:
    words = line.split()
    if len(words) != len(FIELDS):
        advice = "; save_conf=True writes confidences" if len(words) == len(FIELDS) - 1 else ""
        raise DataError(f"{place}: must be {' '.join(FIELDS)}, but got {len(words)} values{advice}")
    try:
        return [float(word) for word in words]
    except ValueError:
        raise DataError(f"{place}: must be {len(FIELDS)} numbers, but got {ascii(line)[:80]}") from None


def _to_pixels(
    boxes: npt.NDArray[np.float64],
    positions: npt.NDArray[np.int64],
    images: tuple[str, ...],
    sizes: Mapping[str, tuple[int, int]],
) -> npt.NDArray[np.float64]:
    """Turns centre and size in fractions into corners in pixels."""
    scale = np.array([sizes[name] * 2 for name in images], np.float64).reshape(-1, 4)[positions]
    corner_and_size = np.concatenate([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, 2:]], axis=1)
    return xywh_to_xyxy(corner_and_size) * scale
