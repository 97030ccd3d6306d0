"""Images in one memory-mapped file that all processes of a machine read, and that any of them may add to."""

import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from recycle.locks import locked

RECORD = np.dtype([("key", "V16"), ("offset", "<u8"), ("height", "<u4"), ("width", "<u4"), ("checksum", "<u4")])
CHANNELS = 3


class _Entry(NamedTuple):
    offset: int
    height: int
    width: int
    checksum: int

    @property
    def end(self) -> int:
        return self.offset + self.height * self.width * CHANNELS


class PixelStore:
    """Images by key, in a folder of two files: `pixels`, and `index`, which says what lies where.

    Whoever adds an image holds the index locked, writes the pixels behind all others and then the record that makes
    them known. A process killed in between leaves pixels without a record, which the next one overwrites.
    Checksums find what a power failure left of pixels whose record was kept.

    Args:
        folder: Made if it is missing.
        limit: Largest size of the pixels, in bytes; the file takes room on the disk only as it fills.

    Raises:
        OSError: If the folder cannot be written.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._limit = limit
        self._entries: dict[bytes, _Entry] = {}
        self._checked: set[bytes] = set()
        self._end = 0
        self._records_read = 0
        with self._index() as index, (folder / "pixels").open("ab") as pixels:
            pixels.truncate(max(limit, os.fstat(pixels.fileno()).st_size))
            self._learn(index)
        self._pixels = np.memmap(folder / "pixels", np.uint8, "r")

    def __reduce__(self) -> tuple[Callable[..., "PixelStore"], tuple[Path, int]]:
        """Another process opens the files itself."""
        return PixelStore, (self._folder, self._limit)

    @property
    def size(self) -> int:
        """Bytes of pixels known to this process."""
        return self._end

    def get(self, key: bytes) -> npt.NDArray[np.uint8] | None:
        """A copy of an image, shape (height, width, 3), or None if it is not there.

        Args:
            key: 16 bytes.
        """
        if key not in self._entries:
            self._learn_unlocked()
        entry = self._entries.get(key)
        if entry is None:
            return None
        pixels = np.array(self._pixels[entry.offset : entry.end])
        if key not in self._checked:
            if zlib.crc32(pixels.data) != entry.checksum:
                del self._entries[key]
                return None
            self._checked.add(key)
        return pixels.reshape(entry.height, entry.width, CHANNELS)

    def put(self, key: bytes, image: npt.NDArray[np.uint8]) -> bool:
        """Adds an image of shape (height, width, 3) unless another process just did.

        Returns:
            Whether the image is there now; False if it does not fit.

        Raises:
            OSError: If the files cannot be written, as when the disk is full.
        """
        image = np.ascontiguousarray(image)
        record = (key, 0, *image.shape[:2], zlib.crc32(image.data))
        with self._index() as index:
            self._learn(index)
            if key in self._entries:
                return True
            if self._end + image.nbytes > self._limit:
                return False
            self._append(image, np.array(record, RECORD), index)
        return True

    def _append(self, image: npt.NDArray[np.uint8], record: npt.NDArray[np.void], index: int) -> None:
        record["offset"] = self._end
        with (self._folder / "pixels").open("r+b") as pixels:
            pixels.seek(self._end)
            pixels.write(image.data)
        os.write(index, record.tobytes())
        self._learn(index)

    @contextmanager
    def _index(self) -> Iterator[int]:
        """The locked index, its file descriptor at the end of the last whole record."""
        # A descriptor of its own each time: forked processes share the lock of one that they inherit.
        with locked(self._folder / "index") as index:
            whole = os.fstat(index).st_size // RECORD.itemsize * RECORD.itemsize
            os.ftruncate(index, whole)
            os.lseek(index, whole, os.SEEK_SET)
            yield index

    def _learn_unlocked(self) -> None:
        try:
            index = os.open(self._folder / "index", os.O_RDONLY)
        except FileNotFoundError:  # whoever owns the store removed it
            return
        try:
            self._learn(index)
        finally:
            os.close(index)

    def _learn(self, index: int) -> None:
        """Reads the records that others have added since."""
        known = self._records_read * RECORD.itemsize
        added = os.pread(index, os.fstat(index).st_size - known, known)
        records = np.frombuffer(added, RECORD, count=len(added) // RECORD.itemsize)
        self._records_read += len(records)
        for record in records:
            entry = _Entry(*(int(record[field]) for field in _Entry._fields))
            self._entries[record["key"].tobytes()] = entry
            self._end = max(self._end, entry.end)
