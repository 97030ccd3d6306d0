"""Folders at addresses that every node reaches, as of S3 or Google Cloud Storage, through pyarrow's filesystems."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import pyarrow as pa
from pyarrow import fs

from recycle.errors import StorageError
from recycle.files import replacing

PATIENCE_S = 600.0
"""For how long a storage may be out of reach before work that needs it is given up."""

LONGEST_PAUSE_S = 30.0
CHUNK = 2**22

Result = TypeVar("Result")


@dataclass(frozen=True)
class StoredFile:
    """A file in a storage.

    Attributes:
        name: Relative to the storage, with forward slashes.
        size: In bytes.
        changed_ns: When it was written, in nanoseconds since 1970.
    """

    name: str
    size: int
    changed_ns: int


class Storage:
    """A folder at an address.

    What fails because the storage cannot be reached is tried again for `PATIENCE_S`, with growing pauses. A file is
    there as a whole or not at all.

    Args:
        address: A path, or an address that `pyarrow.fs.FileSystem.from_uri` takes, such as `s3://bucket/folder`.
        patience_s: For how long to try.

    Raises:
        StorageError: If nothing can be at such an address.
    """

    def __init__(self, address: str, patience_s: float = PATIENCE_S) -> None:
        self.address = address
        self._patience_s = patience_s

    def __reduce__(self) -> tuple[Callable[..., "Storage"], tuple[str, float]]:
        """Another process connects by itself."""
        return Storage, (self.address, self._patience_s)

    def part(self, name: str) -> "Storage":
        """A folder in this folder."""
        base, question_mark, options = self.address.partition("?")
        return Storage(f"{base.rstrip('/')}/{name}{question_mark}{options}", self._patience_s)

    def require_access(self) -> None:
        """Writes, reads and removes a small file, without patience.

        Raises:
            StorageError: If that fails, with the storage's own reason.
        """
        probe = f".recycle-{time.time_ns()}"
        eager = Storage(self.address, patience_s=0)
        eager.write(probe, b"recycle")
        if eager.read(probe) != b"recycle":
            raise StorageError(f"{self.address}: what was written there cannot be read again")
        eager.remove(probe)

    def put(self, local: Path, name: str) -> None:
        """Copies a file into the storage, in the place of the one before.

        Raises:
            FileNotFoundError: If it is not there.
            StorageError: If the storage cannot be written.
        """
        # Opened once, so that the patience is for the storage alone: a file may be replaced meanwhile.
        with local.open("rb") as source:

            def copy() -> None:
                source.seek(0)
                self._write(name, lambda sink: shutil.copyfileobj(source, sink, CHUNK))

            self._patiently(copy, f"write {name}")

    def write(self, name: str, content: bytes) -> None:
        """Writes a small file, in the place of the one before."""
        self._patiently(lambda: self._write(name, lambda sink: sink.write(content)), f"write {name}")

    def read(self, name: str) -> bytes | None:
        """The content of a small file; None if it is not there."""

        def read() -> bytes:
            with self._filesystem.open_input_stream(self._path(name)) as source:
                content: bytes = source.read()
                return content

        return self._unless_missing(read, f"read {name}")

    def fetch(self, name: str, local: Path) -> bool:
        """Copies a file out of the storage, in one move; tells whether it is there."""

        def copy() -> bool:
            with (
                self._filesystem.open_input_stream(self._path(name)) as source,
                replacing(local) as temporary,
                temporary.open("wb") as sink,
            ):
                shutil.copyfileobj(source, sink, CHUNK)
            return True

        return self._unless_missing(copy, f"read {name}") or False

    def holds(self, name: str) -> bool:
        """Whether a file is there."""
        return self._patiently(
            lambda: bool(self._filesystem.get_file_info(self._path(name)).is_file), f"look for {name}"
        )

    def files(self) -> list[StoredFile]:
        """All files at any depth, by name; none if the folder is not there."""

        def look() -> list[StoredFile]:
            selector = fs.FileSelector(self._root, recursive=True, allow_not_found=True)
            infos = [info for info in self._filesystem.get_file_info(selector) if info.is_file]
            return sorted((self._stored(info) for info in infos), key=lambda file: file.name)

        return self._patiently(look, "list its files")

    def remove(self, name: str) -> None:
        """Removes a file."""
        self._patiently(lambda: self._filesystem.delete_file(self._path(name)), f"remove {name}")

    @cached_property
    def _place(self) -> tuple[Any, str]:
        try:
            filesystem, root = fs.FileSystem.from_uri(self.address)
        except (pa.ArrowException, ValueError, OSError) as error:
            rule = "must be a path or an address such as s3://bucket/folder"
            raise StorageError(f"{self.address}: {rule}: {error}") from None
        return filesystem, root

    @property
    def _filesystem(self) -> Any:  # noqa: ANN401 - pyarrow has no types
        return self._place[0]

    @property
    def _root(self) -> str:
        return self._place[1]

    @property
    def _is_disk(self) -> bool:
        return bool(self._filesystem.type_name == "local")

    def _path(self, name: str) -> str:
        return str(PurePosixPath(self._root) / name)

    def _stored(self, info: Any) -> StoredFile:  # noqa: ANN401 - pyarrow has no types
        name = PurePosixPath(info.path).relative_to(self._root)
        return StoredFile(str(name), info.size, info.mtime_ns or 0)

    def _write(self, name: str, write: Callable[[Any], object]) -> None:
        path = self._path(name)
        if not self._is_disk:
            # Object stores show an object once it is complete.
            with self._filesystem.open_output_stream(path) as sink:
                write(sink)
            return
        with replacing(Path(path)) as temporary, temporary.open("wb") as sink:
            write(sink)

    def _unless_missing(self, action: Callable[[], Result], what: str) -> Result | None:
        def attempt() -> Result | None:
            try:
                return action()
            except FileNotFoundError:
                return None

        return self._patiently(attempt, what)

    def _patiently(self, action: Callable[[], Result], what: str) -> Result:
        deadline, pause = time.monotonic() + self._patience_s, 1.0
        while True:
            try:
                return action()
            except (OSError, pa.ArrowException) as error:
                if time.monotonic() + pause > deadline:
                    raise StorageError(f"{self.address}: cannot {what}: {error}") from error
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)


def is_address(text: str) -> bool:
    """Whether a text names a folder in a storage, rather than one of this machine."""
    return "://" in text


@dataclass(frozen=True)
class StoredRun:
    """A run whose files lie in a storage.

    Attributes:
        storage: Its folder there.
        root: Its folder on the driver's machine.
    """

    storage: Storage
    root: Path
