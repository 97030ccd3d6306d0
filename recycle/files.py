"""Files that appear complete or not at all."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recycle.errors import DiskFullError

FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary path beside `path` that takes its place, and is on disk, when the block succeeds.

    The folder is made if it is missing. A block that raises leaves `path` as it was and no temporary file.

    Args:
        path: The file to write.

    Yields:
        Where to write it.

    Raises:
        DiskFullError: If the disk has no room for it, or the user may have no more of it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        _flush(temporary)
        temporary.replace(path)
    except OSError as error:
        if error.errno in FULL:
            raise DiskFullError(f"{path}: there is no room for it on its disk ({error.strerror})") from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_text(text: str, path: Path) -> None:
    """Writes a text file in one step."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _flush(path: Path) -> None:
    """Waits until a file is on disk: after a power failure its name must not stand for an empty one."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
