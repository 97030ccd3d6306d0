"""Hooks of mmengine's Runner: seeds, checkpoints, the guard against broken losses, and progress."""

import math
import socket
import time
from pathlib import Path
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from recycle.data.loading import seed_everything
from recycle.errors import NonFiniteLossError
from recycle.files import replacing
from recycle.models.checkpoints import load_checkpoint
from recycle.training.member import MemberTask
from recycle.training.progress import Progress, Report

SECONDS_BETWEEN_REPORTS = 1.0
"""Faster than anyone reads, slow enough to cost nothing."""


class SeedHook(Hook):
    """Seeds every epoch's images and every step's draws, so that a resumed run repeats an undisturbed one."""

    priority = "VERY_HIGH"

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def before_train_epoch(self, runner: Runner) -> None:
        """Tells the data set which epoch it is."""
        runner.train_dataloader.dataset.set_epoch(runner.epoch)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:  # noqa: ANN401
        """Seeds the step: samplers of regions and dropout draw from the global generators."""
        seed_everything((self._seed, runner.iter))


class FiniteLossHook(Hook):
    """Ends training at the first loss that is not a number, while the last good checkpoint is still there."""

    priority = "VERY_HIGH"

    def __init__(self, task: MemberTask) -> None:
        self._task = task

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,  # noqa: ANN401
        outputs: dict[str, Any] | None = None,
    ) -> None:
        """Raises NonFiniteLossError that names step, epoch, and every part of the loss."""
        assert outputs is not None
        parts = {name: float(value.detach().mean()) for name, value in outputs.items()}
        if math.isfinite(parts["loss"]):
            return
        raise NonFiniteLossError(
            f"{self._task.name}: the loss became {parts['loss']} at step {runner.iter + 1} (epoch {runner.epoch + 1}), "
            f"as {', '.join(f'{name}={value:.4g}' for name, value in parts.items() if name != 'loss')}; "
            f"{_what_is_kept(self._task)}"
        )


class SaveHook(Hook):
    """Keeps two checkpoints, the last and the best, each replaced in one move so that neither is ever half written."""

    priority = "VERY_LOW"

    def __init__(self, task: MemberTask) -> None:
        self._task = task
        self._best = -1.0

    def before_train(self, runner: Runner) -> None:
        """Takes up the highest score of an interrupted training."""
        if self._task.best_checkpoint.is_file():
            self._best = load_checkpoint(self._task.best_checkpoint)["meta"]["map50"]

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Leaves out the log's history: it lies in the log, and its class is not among those that load safely."""
        checkpoint["message_hub"]["log_scalars"] = {}

    def after_train_epoch(self, runner: Runner) -> None:
        """Saves everything that resuming needs, unless the last step has broken the weights."""
        for name, parameter in runner.model.named_parameters():
            if not parameter.isfinite().all():
                raise NonFiniteLossError(
                    f"{self._task.name}: the weights {name} became NaN or infinite by step {runner.iter} "
                    f"(epoch {runner.epoch + 1}); {_what_is_kept(self._task)}"
                )
        self._save(runner, self._task.last_checkpoint, is_resumable=True)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Saves the weights when the score is the highest so far."""
        score = float((metrics or {})["map50"])
        if score > self._best:
            self._best = score
            meta = {"epoch": runner.epoch, "map50": score}
            self._save(runner, self._task.best_checkpoint, is_resumable=False, meta=meta)

    def _save(self, runner: Runner, path: Path, *, is_resumable: bool, meta: dict[str, Any] | None = None) -> None:
        with replacing(path) as temporary:
            runner.save_checkpoint(
                str(path.parent),
                temporary.name,
                save_optimizer=is_resumable,
                save_param_scheduler=is_resumable,
                meta=meta,
            )


class ProgressHook(Hook):
    """Reports where training stands, at most once a second."""

    priority = "LOW"

    def __init__(self, task: MemberTask, report: Report) -> None:
        self._task = task
        self._report = report
        self._host = socket.gethostname()
        self._map50 = -1.0
        self._last_report = -math.inf

    def before_train(self, runner: Runner) -> None:
        """Remembers from where and when this process began."""
        self._first_step = runner.iter
        self._began = time.monotonic()

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,  # noqa: ANN401
        outputs: dict[str, Any] | None = None,
    ) -> None:
        """Reports the step, unless the last report was a moment ago."""
        now = time.monotonic()
        is_last_of_epoch = self.end_of_epoch(runner.train_dataloader, batch_idx)
        if now - self._last_report < SECONDS_BETWEEN_REPORTS and not is_last_of_epoch:
            return
        self._last_report = now
        assert outputs is not None
        done = runner.iter + 1
        seconds_a_step = (now - self._began) / (done - self._first_step)
        self._report(
            Progress(
                member=self._task.name,
                epoch=runner.epoch + 1,
                epochs=runner.max_epochs,
                step=done,
                steps=runner.max_iters,
                loss=float(outputs["loss"].detach().mean()),
                map50=self._map50,
                seconds_left=seconds_a_step * (runner.max_iters - done),
                host=self._host,
            )
        )

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Remembers the score for the reports that follow."""
        self._map50 = (metrics or {})["map50"]


def _what_is_kept(task: MemberTask) -> str:
    if not task.last_checkpoint.is_file():
        return "there was no checkpoint yet"
    return f"the last good checkpoint is {task.name}/{task.last_checkpoint.name}"
