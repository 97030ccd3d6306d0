"""Writing a member's checkpoints in one move, so that none is ever half written, and keeping as many as are wanted."""

import shutil
from pathlib import Path
from typing import Any

from mmengine.dist import barrier, is_main_process
from mmengine.runner import Runner

from recycle.files import replacing
from recycle.training.member import MemberTask

WITH_BEST = 2
"""The number of checkpoints from which on the best is among them."""


def save_checkpoint(
    runner: Runner, path: Path, *, meta: dict[str, Any], is_resumable: bool = True, is_epoch_done: bool = True
) -> None:
    """Writes a checkpoint in the place of the one before; of several processes the first writes, and all wait.

    Args:
        runner: What is trained.
        path: The file.
        meta: What else it is to hold.
        is_resumable: Whether to keep what only resuming needs, as the state of the optimiser.
        is_epoch_done: Whether the running epoch is over, or goes on after this step.
    """
    if is_main_process():
        with replacing(path) as temporary:
            runner.save_checkpoint(
                str(path.parent),
                temporary.name,
                save_optimizer=is_resumable,
                save_param_scheduler=is_resumable,
                meta=meta,
                by_epoch=is_epoch_done,
            )
    barrier()


def keep_earlier(member: MemberTask, epoch: int) -> None:
    """Keeps the last checkpoint under a name of its own before another takes its place, and removes what is too many.

    Where it was kept already, what takes its place is not of an epoch's end, but of a training that left amid the next.

    Args:
        member: The member; of its `checkpoints` two are the last and the best.
        epoch: How many epochs have ended.
    """
    count = member.checkpoints - WITH_BEST
    if count < 1 or not is_main_process() or not member.last_checkpoint.is_file():
        return
    if not _earlier(member, epoch).is_file():
        with replacing(_earlier(member, epoch)) as temporary:
            shutil.copyfile(member.last_checkpoint, temporary)
    _earlier(member, epoch - count).unlink(missing_ok=True)


def _earlier(member: MemberTask, epoch: int) -> Path:
    return member.work_dir / f"epoch-{epoch}.pth"
