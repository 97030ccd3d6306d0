"""Where the data of a run lie: a folder that all machines see, or an address that each copies from."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from recycle.data.node_cache import fetched
from recycle.data.remote_folder import RemoteFolder, describe_folder
from recycle.storage import Storage, StoredRun, is_address


@dataclass(frozen=True)
class DataSource:
    """The data that a run was told to use.

    Attributes:
        name: As it was told; empty for the synthetic sample.
        folder: Where this machine has them; None for the sample, which is yet to be drawn.
        remote: Where other machines get that folder, if they do not see it.
    """

    name: str = ""
    folder: Path | None = None
    remote: Mapping[Path, RemoteFolder] = field(default_factory=dict)


@contextmanager
def data_source(name: str, copy_gib: float) -> Iterator[DataSource]:
    """Makes sure that this machine has the data, and holds its copy where they lie in a storage.

    Args:
        name: A folder, or an address such as `s3://bucket/folder`; empty for the synthetic sample.
        copy_gib: Most that copies may take on a machine.

    Raises:
        StorageError: If the data cannot be had.
    """
    if not is_address(name):
        yield DataSource(name, Path(name)) if name else DataSource()
        return
    with fetched(Storage(name), copy_gib) as (folder, remote):
        yield DataSource(name, folder.absolute(), {folder.absolute(): remote})


def mirrored_folders(folders: Iterable[Path], stored: StoredRun | None) -> dict[Path, RemoteFolder]:
    """Folders of the run folder as other machines get them, once they are in the storage.

    Args:
        folders: The sample, or what was pasted; others need no copy.
        stored: The run; None where all machines see its folder.
    """
    if stored is None:
        return {}
    return {
        folder: describe_folder(folder, _names(folder), stored.storage.part(folder.relative_to(stored.root).as_posix()))
        for folder in (folder.absolute() for folder in folders)
        if folder.is_relative_to(stored.root)
    }


def _names(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()]
