"""A folder in a storage, whose files are known by size and checksum."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from recycle.storage import Storage


@dataclass(frozen=True)
class FileFacts:
    """What a file must be.

    Attributes:
        size: In bytes.
        checksum: Its digest.
    """

    size: int
    checksum: str


@dataclass(frozen=True)
class RemoteFolder:
    """A folder that every machine can copy.

    Attributes:
        storage: Where it lies.
        files: All its files, by name relative to it.
    """

    storage: Storage
    files: Mapping[str, FileFacts]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(facts.size for facts in self.files.values())


def facts_of(path: Path) -> FileFacts:
    """Looks at a file."""
    with path.open("rb") as file:
        checksum = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    return FileFacts(path.stat().st_size, checksum)


def describe_folder(folder: Path, names: Iterable[str], storage: Storage) -> RemoteFolder:
    """Describes a folder of this machine, copies of whose files lie in a storage."""
    return RemoteFolder(storage, {name: facts_of(folder / name) for name in names})
