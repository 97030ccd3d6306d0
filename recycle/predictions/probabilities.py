"""Class probabilities of the pixels of images, as a memory-mapped file of bytes.

A file is one NumPy array of records, one an image: `image_id` int64 and `probabilities` uint8 (classes, height,
width). Images of any shape are scaled to one size, that of the submission.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from recycle.errors import DataError
from recycle.files import replacing

IGNORED = 255
"""The label of pixels that count neither in training nor in scores."""

CERTAIN = 255
"""The byte of probability 1."""

Bytes = npt.NDArray[np.uint8]

ImageProbabilities = Mapping[int, Bytes]
"""By image id, (classes, height, width) probabilities times 255, the background being class 0."""


@dataclass(frozen=True, eq=False)
class Probabilities:
    """What one model predicted of images.

    Raises:
        DataError: If the columns do not fit together, or an image occurs twice.
    """

    image_ids: npt.NDArray[np.int64]
    """(n,) ids of images."""
    values: Bytes
    """(n, classes, height, width) probabilities times 255, the background being class 0; may be a file on disk."""

    def __post_init__(self) -> None:
        """Refuses columns that do not fit together; what lies on disk is not read."""
        if self.values.ndim != 4 or self.values.dtype != np.uint8 or self.image_ids.dtype != np.int64:
            got = f"{self.values.dtype} {self.values.shape} of {self.image_ids.dtype} ids"
            raise DataError(f"probabilities must be uint8 (images, classes, height, width) of int64 ids, but got {got}")
        if self.image_ids.shape != self.values.shape[:1]:
            raise DataError(f"there must be {len(self.values)} image ids, but got {self.image_ids.shape}")
        ids, counts = np.unique(self.image_ids, return_counts=True)
        if len(ids) < len(self.image_ids):
            raise DataError(f"an image must be predicted once, but {ids[counts > 1][0]} is predicted again")

    def __len__(self) -> int:
        """Number of images."""
        return len(self.image_ids)

    @property
    def classes(self) -> int:
        """Number of classes, the background included."""
        return int(self.values.shape[1])

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return int(self.values.shape[2]), int(self.values.shape[3])


class ProbabilityWriter:
    """Takes the images of one file, in their order."""

    def __init__(self, records: npt.NDArray[np.void]) -> None:
        self._records = records
        self._count = 0

    def add(self, image_ids: Sequence[int], values: Bytes) -> None:
        """Writes the next images.

        Args:
            image_ids: Their ids.
            values: (m, classes, height, width) probabilities times 255.
        """
        end = self._count + len(image_ids)
        self._records["image_id"][self._count : end] = image_ids
        self._records["probabilities"][self._count : end] = values
        self._count = end

    @property
    def is_complete(self) -> bool:
        """Whether every image was written."""
        return self._count == len(self._records)


@contextmanager
def writing_probabilities(path: Path, images: int, classes: int, size: tuple[int, int]) -> Iterator[ProbabilityWriter]:
    """Opens a file of probabilities, which appears complete or not at all; only one batch is in memory.

    Args:
        path: The file; its folder is made if it is missing.
        images: How many images it will hold.
        classes: How many classes, the background included.
        size: Height and width in pixels.

    Yields:
        What takes the images.

    Raises:
        DataError: If not every image was written.
    """
    kind = np.dtype([("image_id", np.int64), ("probabilities", np.uint8, (classes, *size))])
    with replacing(path) as temporary:
        records = _open_for_writing(temporary, images, kind)
        writer = ProbabilityWriter(records)
        yield writer
        if not writer.is_complete:
            raise DataError(f"{path}: {images} images must be written, but there were fewer")
        if isinstance(records, np.memmap):
            records.flush()


def _open_for_writing(path: Path, images: int, kind: np.dtype[np.void]) -> npt.NDArray[np.void]:
    if images:
        return np.lib.format.open_memmap(path, mode="w+", dtype=kind, shape=(images,))
    nothing = np.zeros(0, kind)  # which cannot be mapped
    with path.open("wb") as file:
        np.save(file, nothing)
    return nothing


def read_probabilities(path: Path) -> Probabilities:
    """Opens a file of probabilities; what is not looked at stays on disk.

    Raises:
        DataError: If the file is missing or is not one of probabilities.
    """
    try:
        records = _open(path)
        return Probabilities(np.array(records["image_id"]), records["probabilities"])
    except (OSError, EOFError, ValueError, IndexError) as error:
        raise DataError(f"{path}: not a file of probabilities: {error}") from None


def _open(path: Path) -> npt.NDArray[np.void]:
    try:
        opened: npt.NDArray[np.void] = np.lib.format.open_memmap(path, mode="r")
    except ValueError:  # what is empty cannot be mapped
        opened = np.load(path, allow_pickle=False)
    return opened


def by_image(parts: Iterable[Probabilities]) -> ImageProbabilities:
    """Predictions of different images, such as those of a model's folds, by image id; nothing is read yet.

    Raises:
        DataError: If an image occurs in two parts, or classes or sizes differ.
    """
    found: dict[int, Bytes] = {}
    shapes: set[tuple[int, ...]] = set()
    for part in parts:
        shapes.add(part.values.shape[1:])
        for image_id, values in zip(part.image_ids.tolist(), part.values, strict=True):
            if image_id in found:
                raise DataError(f"an image must be predicted once by a model, but {image_id} is predicted again")
            found[image_id] = values
    if len(shapes) > 1:
        raise DataError(f"probabilities of one model must have one shape, but got {sorted(shapes)}")
    return found


def to_bytes(probabilities: npt.NDArray[np.floating]) -> Bytes:
    """Probabilities from 0 to 1 as bytes, rounded to the nearest of 255 steps."""
    return np.asarray(np.rint(np.clip(probabilities, 0, 1) * CERTAIN), np.uint8)
