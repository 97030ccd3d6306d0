"""Copies of folders in a storage, made once on each machine, checked, bounded, and shared by all that trains there."""

from collections.abc import Container, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from recycle.data.copy_folders import also_known_as, content_digest, last_copy, open_copy
from recycle.data.json_files import read_object, write_json
from recycle.data.remote_folder import FileFacts, RemoteFolder, facts_of
from recycle.errors import DataError, StorageError
from recycle.locks import locked
from recycle.storage import Storage

FILES = "files"
INDEX = "index.json"
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
    with open_copy(remote.storage.address, _digest_of(remote), remote.size, limit_gib) as folder:
        cache = _Cache(folder, remote.storage)
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
    found = {file.name: (file.size, file.changed_ns) for file in storage.files()}
    if not found:
        raise StorageError(f"{storage.address}: there is no file")
    content = content_digest((name, *facts) for name, facts in found.items())
    with open_copy(storage.address, content, sum(size for size, _ in found.values()), limit_gib) as folder:
        cache = _Cache(folder, storage)
        remote = cache.refresh(found)
        yield cache.files, remote


def copy_of(storage: Storage) -> Path:
    """Where this machine has its copy of a folder in a storage, if it has one; of several the one opened last."""
    return last_copy(storage.address) / FILES


class _Cache:
    """One copy, with an index of what was checked."""

    def __init__(self, folder: Path, storage: Storage) -> None:
        self.files = folder / FILES
        self._folder = folder
        self._storage = storage
        self._index: dict[str, _Entry] = {}

    def require(self, wanted: Mapping[str, FileFacts]) -> None:
        """Copies what is missing or not as it must be, and removes what is not wanted."""

        def is_good(name: str) -> bool:
            return self._is_untouched(name) and self._index[name]["checksum"] == wanted[name].checksum

        with self._filling():
            self._keep_only(wanted)
            self._copy([name for name in wanted if not is_good(name)], source={})
        for name, facts in wanted.items():
            if self._index[name]["checksum"] != facts.checksum:
                raise StorageError(
                    f"{self._storage.address}: {name}: its checksum must be {facts.checksum}, as when the run was "
                    f"begun, but is {self._index[name]['checksum']}"
                )

    def refresh(self, found: Mapping[str, tuple[int, int]]) -> RemoteFolder:
        """Copies what has changed in the storage: its size or its time; removes what is gone from there."""

        def is_good(name: str) -> bool:
            return self._is_untouched(name) and tuple(self._index[name]["source"] or ()) == found[name]

        with self._filling():
            self._keep_only(found)
            self._copy([name for name in found if not is_good(name)], source=found)
            entries = {name: self._index[name] for name in found}
            facts = {name: FileFacts(entry["size"], entry["checksum"]) for name, entry in entries.items()}
            remote = RemoteFolder(self._storage, facts)
            also_known_as(_digest_of(remote), self._folder)
        return remote

    @contextmanager
    def _filling(self) -> Iterator[None]:
        """Only one process copies; others wait, and then find what it copied."""
        with locked(self._folder / LOCK_OF_FILLING):
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

    def _keep_only(self, wanted: Container[str]) -> None:
        """Removes files that are gone from the source, and what a killed process left half copied."""
        self._index = {name: entry for name, entry in self._index.items() if name in wanted}
        for path in list(self.files.rglob("*")):
            if path.is_file() and path.relative_to(self.files).as_posix() not in wanted:
                path.unlink()

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


def _digest_of(remote: RemoteFolder) -> str:
    return content_digest((name, facts.size, facts.checksum) for name, facts in remote.files.items())


def _read_index(path: Path) -> dict[str, _Entry]:
    try:
        return read_object(path) if path.is_file() else {}
    except DataError:  # then all is checked again
        return {}


def _require_inside(name: str, storage: Storage) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise StorageError(f"{storage.address}: a file's name must not lead out of the folder, but got {name!r}")
