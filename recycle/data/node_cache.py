"""Copies of folders in a storage, made once on each machine, checked, bounded, and shared by all that trains there."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from recycle.data.json_files import read_object, write_json
from recycle.data.remote_folder import FileFacts, RemoteFolder, facts_of
from recycle.errors import DataError, StorageError
from recycle.paths import data_caches_folder
from recycle.storage import Storage

GIB = 2**30
FILES = "files"
INDEX = "index.json"
LOCK_OF_USERS = "lock"
LOCK_OF_FILLING = "filling"
SIDE_BY_SIDE = 16
"""Files copied at once: most of the time of a small one is waiting."""

_Entry = Mapping[str, Any]


@contextmanager
def local_copy(remote: RemoteFolder, limit_gib: float) -> Iterator[Path]:
    """Gives a folder of this machine with all files of a remote one, each with the checksum that it must have.

    What is there and was checked before is not copied again. The copy is kept for others; it is removed when another
    one needs the room and nobody has it open.

    Args:
        remote: The folder.
        limit_gib: Most that all copies on this machine may take, in GiB.

    Raises:
        StorageError: If there is no room, or a file is missing or not what it must be.
    """
    with _opened(remote.storage, remote.size, limit_gib) as cache:
        cache.require(remote.files)
        yield cache.files


@contextmanager
def fetched(storage: Storage, limit_gib: float) -> Iterator[tuple[Path, RemoteFolder]]:
    """As `local_copy`, of all files that are found in a storage now; also tells what they are.

    Args:
        storage: The folder.
        limit_gib: Most that all copies on this machine may take, in GiB.

    Raises:
        StorageError: If there is no file, or no room.
    """
    found = {file.name: file for file in storage.files()}
    if not found:
        raise StorageError(f"{storage.address}: there is no file")
    with _opened(storage, sum(file.size for file in found.values()), limit_gib) as cache:
        cache.refresh({name: (file.size, file.changed_ns) for name, file in found.items()})
        yield cache.files, RemoteFolder(storage, cache.facts(found))


def copy_of(storage: Storage) -> Path:
    """Where this machine has its copy of a folder in a storage, if it has one."""
    return _folder_of(storage) / FILES


class _Cache:
    """One copy, with an index of what was checked."""

    def __init__(self, folder: Path, storage: Storage) -> None:
        self.files = folder / FILES
        self._folder = folder
        self._storage = storage
        self._index: dict[str, _Entry] = {}

    def require(self, wanted: Mapping[str, FileFacts]) -> None:
        """Copies what is missing or not as it must be."""

        def is_good(name: str) -> bool:
            return self._is_untouched(name) and self._index[name]["checksum"] == wanted[name].checksum

        with self._filling():
            self._copy([name for name in wanted if not is_good(name)], source={})
        for name, facts in wanted.items():
            if self._index[name]["checksum"] != facts.checksum:
                raise StorageError(
                    f"{self._storage.address}: {name}: its checksum must be {facts.checksum}, as when the run was "
                    f"begun, but is {self._index[name]['checksum']}"
                )

    def refresh(self, found: Mapping[str, tuple[int, int]]) -> None:
        """Copies what has changed in the storage: its size or its time."""

        def is_good(name: str) -> bool:
            return self._is_untouched(name) and tuple(self._index[name]["source"] or ()) == found[name]

        with self._filling():
            self._copy([name for name in found if not is_good(name)], source=found)

    def facts(self, names: Mapping[str, object]) -> dict[str, FileFacts]:
        """What was found when the files were checked."""
        return {name: FileFacts(self._index[name]["size"], self._index[name]["checksum"]) for name in names}

    @contextmanager
    def _filling(self) -> Iterator[None]:
        """Only one process copies; others wait, and then find what it copied."""
        with _locked(self._folder / LOCK_OF_FILLING, fcntl.LOCK_EX):
            self._index = _read_index(self._folder / INDEX)
            try:
                yield
            finally:
                write_json(self._index, self._folder / INDEX)

    def _is_untouched(self, name: str) -> bool:
        entry, path = self._index.get(name), self.files / name
        if entry is None or not path.is_file():
            return False
        found = path.stat()
        return bool(entry["size"] == found.st_size and entry["mtime_ns"] == found.st_mtime_ns)

    def _copy(self, names: list[str], source: Mapping[str, tuple[int, int]]) -> None:
        for name in names:
            _require_inside(name, self._storage)

        def copy(name: str) -> None:
            path = self.files / name
            if not self._storage.fetch(name, path):
                raise StorageError(f"{self._storage.address}: {name}: there is no such file")
            facts = facts_of(path)
            self._index[name] = {
                "size": facts.size,
                "checksum": facts.checksum,
                "mtime_ns": path.stat().st_mtime_ns,
                "source": source.get(name),
            }

        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            list(pool.map(copy, names))


@contextmanager
def _opened(storage: Storage, size: int, limit_gib: float) -> Iterator[_Cache]:
    root, folder = data_caches_folder(), _folder_of(storage)
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder / LOCK_OF_USERS, fcntl.LOCK_SH):
        with _locked(root / LOCK_OF_FILLING, fcntl.LOCK_EX):
            _make_room(root, folder, size, limit_gib, storage)
        yield _Cache(folder, storage)


def _folder_of(storage: Storage) -> Path:
    return data_caches_folder() / hashlib.blake2b(storage.address.encode(), digest_size=16).hexdigest()


def _make_room(root: Path, own: Path, size: int, limit_gib: float, storage: Storage) -> None:
    """Removes copies that nobody has open, those unused for longest first, until this one fits."""
    others = [folder for folder in root.iterdir() if folder.is_dir() and folder != own]
    others.sort(key=lambda folder: (folder / LOCK_OF_USERS).stat().st_mtime_ns)
    os.utime(own / LOCK_OF_USERS)
    taken = {folder: _size_of(folder) for folder in others}
    for folder in others:
        if size + sum(taken.values()) <= limit_gib * GIB:
            break
        if not _is_open(folder):
            shutil.rmtree(folder, ignore_errors=True)
            del taken[folder]
    if size + sum(taken.values()) > limit_gib * GIB:
        raise StorageError(
            f"{storage.address}: data.copy_gib must leave room for its {size / GIB:.3g} GiB beside "
            f"{sum(taken.values()) / GIB:.3g} GiB that others use now, but got data.copy_gib={limit_gib:g}"
        )


def _size_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _read_index(path: Path) -> dict[str, _Entry]:
    try:
        return read_object(path) if path.is_file() else {}
    except DataError:  # then all is checked again
        return {}


def _require_inside(name: str, storage: Storage) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise StorageError(f"{storage.address}: a file's name must not lead out of the folder, but got {name!r}")


@contextmanager
def _locked(path: Path, kind: int) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, kind)
        yield
    finally:
        os.close(descriptor)


def _is_open(folder: Path) -> bool:
    descriptor = os.open(folder / LOCK_OF_USERS, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
