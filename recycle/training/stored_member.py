"""A member on a machine that shares no disk with the driver: its files come from the run's storage and go there."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmengine.dist import barrier, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from recycle.errors import LeavingError
from recycle.paths import working_folder
from recycle.storage import Storage
from recycle.training.leaving import IsLeaving, staying
from recycle.training.local_data import local_data
from recycle.training.member import CHECKPOINT_SUFFIX, KEY_FILE, MemberOutcome, MemberPlan, TrainingData
from recycle.training.progress import Progress
from recycle.training.run_member import run_member


def run_member_anywhere(
    plan: MemberPlan,
    data: TrainingData,
    report: Callable[[Progress], None],
    watching: Sequence[Hook] = (),
    is_leaving: IsLeaving = staying,
) -> MemberOutcome:
    """As `run_member`, whatever this machine shares with the driver.

    Images that lie in a storage are copied to this machine once. Where the run has a storage, the member works in a
    folder of this machine, and its files are in the storage after every epoch.
    """
    with local_data(data, plan.fold) as here:
        if plan.stored is None:
            return run_member(plan, here, report, watching, is_leaving)
        return _run_stored(plan, plan.stored.storage, here, report, watching, is_leaving)


def _run_stored(
    plan: MemberPlan,
    storage: Storage,
    data: TrainingData,
    report: Callable[[Progress], None],
    watching: Sequence[Hook],
    is_leaving: IsLeaving,
) -> MemberOutcome:
    folder = working_folder(plan.cache_name)
    local = plan.moved_to(folder)
    checkpoints = StoredCheckpoints(local.work_dir, folder, storage)
    try:
        if is_main_process():
            checkpoints.fetch(plan.key)
            fetch_what_it_begins_with(local, folder, storage)
        barrier()
        try:
            outcome = run_member(local, data, report, [*watching, UploadHook(checkpoints)], is_leaving)
        except LeavingError:
            checkpoints.upload()
            raise
        if is_main_process():
            for path in _results(local):
                storage.put(path, _name(path, folder))
    finally:
        if is_main_process():
            _remove(local)
    return replace(outcome, checkpoint=plan.work_dir / outcome.checkpoint.name)


def fetch_what_it_begins_with(local: MemberPlan, folder: Path, storage: Storage) -> None:
    """Fetches what a member needs beside the data: its pseudo labels, its parent, its pretrained weights.

    Args:
        local: The member, with the files of this machine.
        folder: What names in the storage are relative to.
        storage: Where they are.
    """
    for path in local.pseudo.files if local.pseudo else ():
        storage.fetch(_name(path, folder), path)
    if local.weights and not (folder / local.weights).is_file():  # its name tells what it holds
        storage.fetch(local.weights, folder / local.weights)


def _results(local: MemberPlan) -> list[Path]:
    """What a finished member leaves behind beside its checkpoints."""
    logs = [path for path in local.work_dir.rglob("*") if path.is_file() and path.suffix != CHECKPOINT_SUFFIX]
    return [*(path for path in (local.oof, local.test) if path), *logs]


def _remove(local: MemberPlan) -> None:
    """Leaves nothing on a disk that others need; labels stay, as other members of the fold may be reading them."""
    shutil.rmtree(local.work_dir, ignore_errors=True)
    for path in (local.oof, local.test, local.pseudo and local.pseudo.parent):
        if path:
            path.unlink(missing_ok=True)


class StoredCheckpoints:
    """A member's checkpoints, which the storage holds as they are on this machine.

    Args:
        work_dir: The member's folder on this machine.
        folder: What names in the storage are relative to.
        storage: Where they go.
    """

    def __init__(self, work_dir: Path, folder: Path, storage: Storage) -> None:
        self._work_dir, self._folder, self._storage = work_dir, folder, storage
        self._stored: dict[Path, int] = {}

    def fetch(self, key: str) -> None:
        """Fetches those of this key; others, of other data, weights or versions, are removed from the storage."""
        shutil.rmtree(self._work_dir, ignore_errors=True)
        known = self._storage.read(_name(self._work_dir / KEY_FILE, self._folder))
        folder = self._storage.part(_name(self._work_dir, self._folder))
        for name in [file.name for file in folder.files() if file.name.endswith(CHECKPOINT_SUFFIX)]:
            if known == key.encode():
                folder.fetch(name, self._work_dir / name)
                self._note(self._work_dir / name)
            else:
                folder.remove(name)
        if known == key.encode():
            self._work_dir.mkdir(parents=True, exist_ok=True)
            (self._work_dir / KEY_FILE).write_text(key)

    def upload(self) -> None:
        """Copies those that changed, and removes those that are no longer kept; of several processes the first does."""
        if not is_main_process():
            return
        kept = set(self._work_dir.glob(f"*{CHECKPOINT_SUFFIX}"))
        # The key goes first: a checkpoint without it would be taken for one of another training, and lost.
        for path in [self._work_dir / KEY_FILE, *sorted(kept)]:
            if self._stored.get(path) != path.stat().st_mtime_ns:
                self._storage.put(path, _name(path, self._folder))
                self._note(path)
        for path in [path for path in self._stored if path.suffix == CHECKPOINT_SUFFIX and path not in kept]:
            self._storage.remove(_name(path, self._folder))
            del self._stored[path]

    def _note(self, path: Path) -> None:
        self._stored[path] = path.stat().st_mtime_ns


class UploadHook(Hook):
    """Copies what changed of a member's checkpoints into the storage; training waits for it, so none is ever behind.

    Args:
        checkpoints: The checkpoints.
    """

    priority = "LOWEST"

    def __init__(self, checkpoints: StoredCheckpoints) -> None:
        self._checkpoints = checkpoints

    def after_train_epoch(self, runner: Runner) -> None:
        """Copies the last checkpoint, which was just written."""
        self._copy()

    def after_val_epoch(self, runner: Runner, metrics: dict[str, Any] | None = None) -> None:
        """Copies the best checkpoint if it is another."""
        self._copy()

    def _copy(self) -> None:
        self._checkpoints.upload()
        barrier()


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()
