"""Locks that processes of one machine take on files, and that end with their holder, however that ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(path: Path, *, shared: bool = False) -> Iterator[int]:
    """Holds a file locked while the block runs, after waiting for those who have it.

    Args:
        path: The file; made if it is missing. Its folder must not be removed before it is locked.
        shared: Whether others may hold it too, as long as all of them share it.

    Yields:
        The descriptor of the file, open for reading and writing.
    """
    with _held(path, fcntl.LOCK_SH if shared else fcntl.LOCK_EX) as descriptor:
        yield descriptor


def is_locked(path: Path) -> bool:
    """Whether somebody holds a file locked, shared or not; nobody does if it is not there."""
    if not path.exists():
        return False
    try:
        with _held(path, fcntl.LOCK_EX | fcntl.LOCK_NB):
            return False
    except BlockingIOError:
        return True


@contextmanager
def _held(path: Path, kind: int) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, kind)
        yield descriptor
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)  # closing alone would leave it to a process forked in the meantime
        os.close(descriptor)
