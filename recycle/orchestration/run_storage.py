"""The run folder in a storage: what the driver has goes there as it changes, and a new driver begins with it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from recycle.paths import RunPaths
from recycle.recipe import Recipe
from recycle.storage import Storage, StoredRun
from recycle.training.member import MemberPlan

SECONDS_BETWEEN_COPIES = 5.0
"""What a lost head can forget; a member that finished in between only predicts again."""

CHECKPOINT_SUFFIX = ".pth"
"""Of files that members write into the storage, and that no driver needs before somebody predicts with them."""


def stored_run(recipe: Recipe, paths: RunPaths) -> StoredRun | None:
    """Where the files of a run go, if its machines share no disk."""
    root = paths.root.absolute()
    return StoredRun(Storage(recipe.storage).part(root.name), root) if recipe.storage else None


def restore(stored: StoredRun, paths: RunPaths) -> None:
    """Fetches all but checkpoints of a run that was begun on another machine; does nothing where the folder has a run.

    Raises:
        StorageError: If the storage cannot be read.
    """
    if paths.recipe.is_file():
        return
    for file in stored.storage.files():
        if not file.name.endswith(CHECKPOINT_SUFFIX):
            stored.storage.fetch(file.name, stored.root / file.name)


@contextmanager
def mirrored(stored: StoredRun | None) -> Iterator[Callable[[], None]]:
    """Copies what changes in the run folder into the storage while the block runs, and at its end.

    Args:
        stored: The run; None copies nothing.

    Yields:
        Copies at once when it is called.

    Raises:
        StorageError: If the storage cannot be written, before anything else is done or at the end.
    """
    if stored is None:
        yield lambda: None
        return
    stored.storage.require_access()
    mirror, ended = _Mirror(stored), threading.Event()
    thread = threading.Thread(target=_copy_again_and_again, args=(mirror, ended), daemon=True)
    thread.start()
    try:
        yield mirror.copy_changed
    finally:
        ended.set()
        thread.join()
        mirror.copy_changed()


def receive_member(plan: MemberPlan) -> None:
    """Fetches what a finished member has left in the storage, except for its checkpoints; nothing without a storage.

    Raises:
        StorageError: If the storage cannot be read.
    """
    if plan.stored is None:
        return
    storage, root = plan.stored.storage, plan.stored.root
    for path in (plan.oof, plan.test):
        if path is not None:
            storage.fetch(path.relative_to(root).as_posix(), path)
    logs = storage.part(plan.work_dir.relative_to(root).as_posix())
    for file in logs.files():
        if not file.name.endswith(CHECKPOINT_SUFFIX):
            logs.fetch(file.name, plan.work_dir / file.name)


class _Mirror:
    """Knows what it has copied."""

    def __init__(self, stored: StoredRun) -> None:
        self._stored = stored
        self._copied: dict[str, tuple[int, int]] = {}
        self._lock = threading.Lock()

    def copy_changed(self) -> None:
        """Copies files that are new, or have another size or time."""
        with self._lock:
            for path in sorted(self._stored.root.rglob("*")):
                if path.name.startswith(".") or path.suffix == CHECKPOINT_SUFFIX or not path.is_file():
                    continue
                self._copy(path, path.relative_to(self._stored.root).as_posix())

    def _copy(self, path: Path, name: str) -> None:
        try:
            found = path.stat()
            if self._copied.get(name) != (found.st_mtime_ns, found.st_size):
                self._stored.storage.put(path, name)
                self._copied[name] = (found.st_mtime_ns, found.st_size)
        except FileNotFoundError:  # replaced or removed in this moment
            return


def _copy_again_and_again(mirror: _Mirror, ended: threading.Event) -> None:
    while not ended.wait(SECONDS_BETWEEN_COPIES):
        mirror.copy_changed()
