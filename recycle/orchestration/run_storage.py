"""The run folder in a storage: what the driver has goes there as it changes, and a new driver begins with it."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from recycle.errors import ResumeError, StorageError
from recycle.paths import RunPaths
from recycle.recipe import Recipe
from recycle.storage import Storage, StoredRun
from recycle.training.member import CHECKPOINT_SUFFIX, MemberPlan

SECONDS_BETWEEN_COPIES = 5.0
"""What a lost head can forget; a member that finished in between only predicts again."""

LOCK_SUFFIX = ".lock"
"""Of files that Optuna keeps beside a journal while it writes; elsewhere they would lock it for good."""


def stored_run(recipe: Recipe, paths: RunPaths) -> StoredRun | None:
    """Where the files of a run go, if its machines share no disk."""
    root = paths.root.absolute()
    return StoredRun(Storage(recipe.storage).part(root.name), root) if recipe.storage else None


def take_over(stored: StoredRun | None, paths: RunPaths, *, resume: bool) -> None:
    """Fetches what the storage holds of a run that is resumed, or makes sure that a new one replaces none there.

    Raises:
        ResumeError: If a run of this name is there, as of another machine or user, and is not to be resumed.
        StorageError: If the storage cannot be read and written.
    """
    if stored is None:
        return
    stored.storage.require_access()
    (_restore if resume else _require_not_begun)(stored, paths)


def _require_not_begun(stored: StoredRun, paths: RunPaths) -> None:
    if stored.storage.holds(paths.origin.relative_to(paths.root).as_posix()):
        raise ResumeError(
            f"{stored.storage.address}: the storage holds a run of this name; add --resume to continue it, or name "
            "another --run-dir"
        )


def _restore(stored: StoredRun, paths: RunPaths) -> None:
    if paths.recipe.is_file():
        return
    # Checkpoints stay there until somebody predicts with them.
    names = [file.name for file in stored.storage.files() if not file.name.endswith(CHECKPOINT_SUFFIX)]
    # The recipe comes last: it tells that all else is here, whenever this is interrupted.
    for name in sorted(names, key=lambda name: name == paths.recipe.name):
        stored.storage.fetch(name, stored.root / name)


@contextmanager
def mirrored(stored: StoredRun | None, tell: Callable[[str], None]) -> Iterator[Callable[[], None]]:
    """Copies what changes in the run folder into the storage while the block runs, and at its end.

    Args:
        stored: The run; None copies nothing.
        tell: Called with a sentence where copying failed; it is tried again.

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
    thread = threading.Thread(target=_copy_again_and_again, args=(mirror, ended, tell), daemon=True)
    thread.start()
    try:
        yield mirror.copy_changed
    finally:
        ended.set()
        thread.join()
        mirror.copy_changed()


def send_weights(plans: Iterable[MemberPlan]) -> None:
    """Copies the pretrained weights that members name by path into the storage, for machines that have no such file.

    Raises:
        StorageError: If the storage cannot be written.
    """
    for name, plan in {plan.weights: plan for plan in plans if plan.weights}.items():
        assert plan.stored is not None
        if not plan.stored.storage.holds(name):
            plan.stored.storage.put(Path(plan.settings.pretrained), name)


def receive_member(plan: MemberPlan) -> None:
    """Fetches what a finished member has left in the storage, except for its checkpoints; nothing without a storage.

    Raises:
        StorageError: If the storage cannot be read, or lacks the predictions.
    """
    if plan.stored is None:
        return
    storage, root = plan.stored.storage, plan.stored.root
    for path in (plan.oof, plan.test):
        if path is not None and not storage.fetch(name := path.relative_to(root).as_posix(), path):
            raise StorageError(f"{storage.address}: {name}: there is no such file, though {plan.name} was finished")
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
                is_passing = path.name.startswith(".") or path.suffix in (CHECKPOINT_SUFFIX, LOCK_SUFFIX)
                if is_passing or not path.is_file():
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


def _copy_again_and_again(mirror: _Mirror, ended: threading.Event, tell: Callable[[str], None]) -> None:
    while not ended.wait(SECONDS_BETWEEN_COPIES):
        try:
            mirror.copy_changed()
        except StorageError as error:
            tell(f"{error}; a new head would not know of what has changed since then. It is tried again")
        except FileNotFoundError:  # a folder vanished while it was listed
            continue
