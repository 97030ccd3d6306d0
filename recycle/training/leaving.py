"""Leaving a machine that is about to go: a checkpoint amid an epoch, from which training goes on elsewhere."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import torch
from mmengine.dataset import DefaultSampler
from mmengine.dist import all_reduce, is_distributed
from mmengine.hooks import Hook
from mmengine.registry import DATA_SAMPLERS, LOOPS
from mmengine.runner import EpochBasedTrainLoop, Runner

from recycle.errors import LeavingError
from recycle.training.checkpoints import keep_earlier, save_checkpoint
from recycle.training.phase import PhaseTask

IsLeaving = Callable[[], bool]
"""Whether the machine is about to go; asked after every step."""


def staying() -> bool:
    """Never."""
    return False


class LeaveHook(Hook):
    """Saves all that resuming needs and ends training, once the machine is about to go.

    Args:
        phase: The phase that is trained.
        is_leaving: Asked after every step of the optimiser; of several processes one takes the others along.
    """

    priority = "VERY_LOW"

    def __init__(self, phase: PhaseTask, is_leaving: IsLeaving) -> None:
        self._phase = phase
        self._is_leaving = is_leaving

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,  # noqa: ANN401
        outputs: dict[str, Any] | None = None,
    ) -> None:
        """Raises LeavingError after the checkpoint is written.

        The last step of an epoch is left to the checkpoint that follows it.
        """
        if not runner.optim_wrapper.should_update() or self.end_of_epoch(runner.train_dataloader, batch_idx):
            return
        if not _any(self._is_leaving()):
            return
        member = self._phase.member
        keep_earlier(member, self._phase.epochs_before + runner.epoch)
        save_checkpoint(runner, member.last_checkpoint, is_epoch_done=False, meta={"phase": self._phase.position})
        step = self._phase.steps_before + runner.iter + 1
        raise LeavingError(f"its machine is about to go, and {member.last_checkpoint.name} holds step {step}")


@LOOPS.register_module()
class ResumableEpochLoop(EpochBasedTrainLoop):
    """Epochs, of which the first may have been begun before."""

    def run_epoch(self) -> None:
        """Trains on what is left of the epoch."""
        self.runner.call_hook("before_train_epoch")
        self.runner.model.train()
        done = self._iter - self._epoch * len(self.dataloader)
        sampler = self.dataloader.sampler
        sampler.first = done * self.dataloader.batch_size
        for index, batch in enumerate(self.dataloader, start=done):
            self.run_iter(index, batch)
        sampler.first = 0
        self.runner.call_hook("after_train_epoch")
        self._epoch += 1


@DATA_SAMPLERS.register_module()
class ResumableSampler(DefaultSampler):
    """An order of samples that may begin after its first ones.

    Attributes:
        first: Position of the first sample that is given; its length stays that of the whole order.
    """

    first = 0

    def __iter__(self) -> Iterator[int]:
        """The samples from `first` on."""
        return islice(super().__iter__(), self.first, None)


def _any(flag: bool) -> bool:
    """Whether any of the processes says so, told to each of them."""
    if not is_distributed():
        return flag
    told = torch.tensor(int(flag))
    all_reduce(told, op="max")
    return bool(told)
