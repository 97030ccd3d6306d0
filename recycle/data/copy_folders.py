"""Folders for copies of data sets on one machine: which holds what, who has it open, and how much all may take."""

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path

from recycle.data.json_files import read_object, write_json
from recycle.errors import DataError, StorageError
from recycle.locks import is_locked, locked
from recycle.paths import data_caches_folder

GIB = 2**30
LOCK = "lock"
RECORD = "copy.json"


@dataclass(frozen=True)
class _Record:
    """What a folder is for, written before it is filled.

    Attributes:
        size: Bytes that it takes once it is filled.
        contents: Digests of all descriptions of what it holds.
    """

    size: int = 0
    contents: tuple[str, ...] = ()


def content_digest(description: Iterable[tuple[object, ...]]) -> str:
    """Names a content by whatever tells its files from others; their order does not matter."""
    return _digest(repr(sorted(description)))


@contextmanager
def open_copy(address: str, content: str, size: int, limit_gib: float) -> Iterator[Path]:
    """Gives a folder for a copy of this content, and holds it while the block runs.

    Whoever asks for the same content shares a folder. Another one is changed into it only if nobody has it open: what
    a running member reads stays as it is, whatever becomes of its source. Those unused for longest make room.

    Args:
        address: Where the content comes from.
        content: Its digest.
        size: Its bytes.
        limit_gib: Most that all folders may take, in GiB.

    Raises:
        StorageError: If there is no room.
    """
    root = data_caches_folder()
    root.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        # Nobody removes a folder, or gives it another content, while it is being opened.
        with locked(root / LOCK):
            folder = _folder_for(address, content)
            _make_room([other for other in _folders() if other != folder], address, size, limit_gib)
            folder.mkdir(exist_ok=True)
            if content not in _record_of(folder).contents:
                _write_record(_Record(size, (content,)), folder)
            (folder / LOCK).touch()
            held.enter_context(locked(folder / LOCK, shared=True))
        yield folder


def also_known_as(content: str, folder: Path) -> None:
    """Notes another digest of the content of a folder that the caller has open and alone fills."""
    record = _record_of(folder)
    if content not in record.contents:
        _write_record(_Record(record.size, (*record.contents, content)), folder)


def last_copy(address: str) -> Path:
    """The folder of the copy of an address that was opened last; where it would be if there is none."""
    return max(_copies_of(address), key=_last_opened, default=data_caches_folder() / _digest(address))


def _folders() -> list[Path]:
    return [path for path in data_caches_folder().glob("*") if path.is_dir()]


def _copies_of(address: str) -> list[Path]:
    return [folder for folder in _folders() if folder.name.startswith(_digest(address))]


def _folder_for(address: str, content: str) -> Path:
    copies = sorted(_copies_of(address), key=_last_opened, reverse=True)
    same = (folder for folder in copies if content in _record_of(folder).contents)
    closed = (folder for folder in copies if not is_locked(folder / LOCK))
    return next(same, None) or next(closed, None) or _new_folder(address)


def _new_folder(address: str) -> Path:
    names = (f"{_digest(address)}-{number}" if number else _digest(address) for number in count())
    return next(path for path in map(data_caches_folder().joinpath, names) if not path.exists())


def _make_room(others: list[Path], address: str, size: int, limit_gib: float) -> None:
    """Removes copies that nobody has open, those unused for longest first, until this one fits."""
    taken = {folder: _taken_by(folder) for folder in others}
    for folder in sorted(others, key=_last_opened):
        if size + sum(taken.values()) <= limit_gib * GIB:
            break
        if not is_locked(folder / LOCK):
            shutil.rmtree(folder, ignore_errors=True)
            taken[folder] = _taken_by(folder)
    if size + sum(taken.values()) > limit_gib * GIB:
        raise StorageError(
            f"{address}: data.copy_gib must leave room for its {size / GIB:.3g} GiB beside "
            f"{sum(taken.values()) / GIB:.3g} GiB that others use now, but got data.copy_gib={limit_gib:g}"
        )


def _taken_by(folder: Path) -> int:
    """Bytes of a folder, those included that are still to come."""
    return max(_record_of(folder).size, sum(_sizes_in(folder)))


def _sizes_in(folder: Path) -> Iterator[int]:
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):  # another process fills the folder, by way of temporary files
                yield Path(parent, name).lstat().st_size


def _last_opened(folder: Path) -> int:
    """Since 1970, in nanoseconds; 0 where a process was killed before it had opened, or while it removed the folder."""
    try:
        return (folder / LOCK).stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _record_of(folder: Path) -> _Record:
    """What is recorded; nothing where that cannot be read, so that all is checked again."""
    try:
        document = read_object(folder / RECORD)
        return _Record(int(document["size"]), tuple(document["contents"]))
    except (DataError, KeyError, TypeError, ValueError):
        return _Record()


def _write_record(record: _Record, folder: Path) -> None:
    write_json(asdict(record), folder / RECORD)


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
