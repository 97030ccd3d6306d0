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
from recycle.training.member import KEY_FILE, LAST_CHECKPOINT, MemberOutcome, MemberPlan, TrainingData
from recycle.training.progress import Progress
from recycle.training.run_member import run_member

NEEDED_TO_CONTINUE = (KEY_FILE, LAST_CHECKPOINT, "best.pth")


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
    if is_main_process():
        shutil.rmtree(local.work_dir, ignore_errors=True)
        needed = [local.work_dir / name for name in NEEDED_TO_CONTINUE]
        for path in [*needed, *(local.pseudo.files if local.pseudo else ())]:
            storage.fetch(_name(path, folder), path)
    barrier()
    try:
        outcome = run_member(local, data, report, [*watching, UploadHook(local.work_dir, folder, storage)], is_leaving)
    except LeavingError:
        _upload([local.work_dir / LAST_CHECKPOINT, local.work_dir / KEY_FILE], folder, storage)
        raise
    _upload([path for path in (local.oof, local.test) if path], folder, storage)
    _upload([path for path in local.work_dir.rglob("*") if path.is_file() and path.suffix != ".pth"], folder, storage)
    if is_main_process():
        shutil.rmtree(local.work_dir, ignore_errors=True)
    return replace(outcome, checkpoint=plan.work_dir / outcome.checkpoint.name)


class UploadHook(Hook):
    """Copies what changed of a member's checkpoints into the storage; training waits for it, so none is ever behind.

    Args:
        work_dir: The member's folder on this machine.
        folder: What names in the storage are relative to.
        storage: Where they go.
    """

    priority = "LOWEST"

    def __init__(self, work_dir: Path, folder: Path, storage: Storage) -> None:
        self._work_dir, self._folder, self._storage = work_dir, folder, storage
        self._uploaded: dict[Path, int] = {}

    def after_train_epoch(self, runner: Runner) -> None:
        """Copies the last checkpoint, which was just written."""
        self._copy_changed()

    def after_val_epoch(self, runner: Runner, metrics: dict[str, Any] | None = None) -> None:
        """Copies the best checkpoint if it is another."""
        self._copy_changed()

    def _copy_changed(self) -> None:
        for path in [self._work_dir / KEY_FILE, *self._work_dir.glob("*.pth")]:
            changed = path.stat().st_mtime_ns
            if self._uploaded.get(path) != changed:
                _upload([path], self._folder, self._storage)
                self._uploaded[path] = changed


def _upload(paths: Sequence[Path], folder: Path, storage: Storage) -> None:
    if is_main_process():
        for path in paths:
            storage.put(path, _name(path, folder))
    barrier()


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()
