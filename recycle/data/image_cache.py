"""Photographs decoded once on each machine, for all members of a run that train there."""

import hashlib
import os
import shutil
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from recycle.data.pixel_store import PixelStore
from recycle.data.shrinking import read_shrunk, shrunk_size
from recycle.errors import RecycleWarning
from recycle.locks import is_locked, locked
from recycle.paths import image_caches_folder

GIB = 2**30
LOCK = "lock"


class ImageCache:
    """Reads images, and keeps them decoded and shrunk where other processes of the machine find them.

    What is read is the same with a store and without one. A file that was replaced is read again: its path, size
    and time of change are part of what an image is known by, as are the recorded and the shrunk size.

    Args:
        store: Where images are kept; None decodes each image each time.
    """

    def __init__(self, store: PixelStore | None = None) -> None:
        self._store = store
        self._takes_more = True

    def read(self, path: Path, width: int, height: int, longest_side: int) -> npt.NDArray[np.uint8]:
        """Reads an image as `recycle.data.shrinking.read_shrunk` does, which see; the pixels are the caller's own."""
        key = _key(path, (width, height), shrunk_size(width, height, longest_side)) if self._store else None
        if self._store is None or key is None:
            return read_shrunk(path, width, height, longest_side)
        kept = self._store.get(key)
        if kept is not None:
            return kept
        pixels = read_shrunk(path, width, height, longest_side)
        if self._takes_more:
            self._keep(self._store, key, pixels)
        return pixels

    def _keep(self, store: PixelStore, key: bytes, pixels: npt.NDArray[np.uint8]) -> None:
        try:
            self._takes_more = store.put(key, pixels)
        except OSError as error:
            self._takes_more = False
            _warn(error)


NO_CACHE = ImageCache()
"""Decodes each image each time."""


@contextmanager
def open_image_cache(name: str, limit_gib: float) -> Iterator[ImageCache]:
    """Opens the cache of this name on this machine while the block runs; what it holds stays for the next process.

    Caches of other names that no process has open, as runs leave them that were killed, are removed first.

    Args:
        name: Names the run.
        limit_gib: Most that the cache may hold, in GiB; it takes at most half of the free disk. 0 keeps nothing.

    Yields:
        The cache; one that decodes each time, after a warning, where none can be written.
    """
    with _opened_store(name, int(limit_gib * GIB)) as store:
        yield ImageCache(store)


def remove_image_cache(name: str) -> None:
    """Removes the cache of this name from this machine, if there is one.

    Processes that still have it open go on reading it, and decode what it does not hold.
    """
    root = image_caches_folder()
    if root.is_dir():
        with locked(root / LOCK):
            shutil.rmtree(root / name, ignore_errors=True)


@contextmanager
def _opened_store(name: str, limit: int) -> Iterator[PixelStore | None]:
    with ExitStack() as held:
        try:
            store = _open_store(name, limit, held) if limit else None
        except OSError as error:
            _warn(error)
            store = None
        yield store


def _open_store(name: str, limit: int, held: ExitStack) -> PixelStore:
    """The store, which nobody removes while it is held."""
    root = image_caches_folder()
    _require_own_folder(root)
    with locked(root / LOCK):
        _remove_abandoned(root, name)
        folder = root / name
        folder.mkdir(exist_ok=True)
        held.enter_context(locked(folder / LOCK, shared=True))
        return PixelStore(folder, min(limit, _room(folder)))


def _room(folder: Path) -> int:
    """Half of the bytes that the disk would have free without this cache."""
    held = sum(file.stat().st_blocks * 512 for file in folder.iterdir())
    return (held + shutil.disk_usage(folder).free) // 2


def _remove_abandoned(root: Path, name: str) -> None:
    for folder in root.iterdir():
        if folder.is_dir() and folder.name != name and not is_locked(folder / LOCK):
            shutil.rmtree(folder, ignore_errors=True)


def _require_own_folder(root: Path) -> None:
    """Others may write to the temporary folder too, and must not be able to put images there for us."""
    root.mkdir(mode=0o700, exist_ok=True)
    found = root.lstat()
    if not root.is_dir() or root.is_symlink() or found.st_uid != os.getuid():
        raise PermissionError(f"{root}: must be a folder of user {os.getuid()}, but belongs to user {found.st_uid}")


def _key(path: Path, recorded: tuple[int, int], shrunk: tuple[int, int]) -> bytes | None:
    """What an image is known by, 16 bytes; None where there is no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    known = (str(path.absolute()), found.st_size, found.st_mtime_ns, recorded, shrunk)
    return hashlib.blake2b(repr(known).encode(), digest_size=16).digest()


def _warn(error: OSError) -> None:
    warnings.warn(f"images are decoded each time they are needed: {error}", RecycleWarning, stacklevel=2)
