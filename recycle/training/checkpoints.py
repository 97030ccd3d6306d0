"""Writing a member's checkpoints in one move, so that none is ever half written."""

from pathlib import Path
from typing import Any

from mmengine.dist import barrier, is_main_process
from mmengine.runner import Runner

from recycle.files import replacing


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
