"""Hooks of mmengine's Runner: seeds, checkpoints, the guard against broken losses, and progress."""

import math
import socket
import time
from typing import Any

from mmengine.dist import get_rank, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from recycle.data.loading import seed_everything
from recycle.errors import NonFiniteLossError
from recycle.models.checkpoints import load_checkpoint
from recycle.recipe.settings import MAIN_SCORES, SCORE_TITLES, main_score
from recycle.training.checkpoints import WITH_BEST, keep_earlier, save_checkpoint
from recycle.training.member import MemberTask
from recycle.training.phase import PhaseTask, steps_of
from recycle.training.progress import Progress, Report

SECONDS_BETWEEN_REPORTS = 1.0
"""Faster than anyone reads, slow enough to cost nothing."""


class SeedHook(Hook):
    """Seeds every epoch's images and every step's draws, so that a resumed run repeats an undisturbed one."""

    priority = "VERY_HIGH"

    def __init__(self, phase: PhaseTask) -> None:
        self._phase = phase

    def before_train_epoch(self, runner: Runner) -> None:
        """Tells the data set which epoch it is."""
        runner.train_dataloader.dataset.set_epoch(self._phase.epochs_before + runner.epoch)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:  # noqa: ANN401
        """Seeds the step: samplers of regions and dropout draw from the global generators.

        Of several processes each draws its own.
        """
        others = (get_rank(),) if get_rank() else ()
        seed_everything((self._phase.member.seed, self._phase.steps_before + runner.iter, *others))


class FiniteLossHook(Hook):
    """Ends training at the first loss that is not a number, while the last good checkpoint is still there."""

    priority = "VERY_HIGH"

    def __init__(self, phase: PhaseTask) -> None:
        self._phase = phase

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
        step, epoch = self._phase.steps_before + runner.iter + 1, self._phase.epochs_before + runner.epoch + 1
        raise NonFiniteLossError(
            f"{self._phase.member.name}: the loss became {parts['loss']} at step {step} (epoch {epoch}), "
            f"as {', '.join(f'{name}={value:.4g}' for name, value in parts.items() if name != 'loss')}; "
            f"{_what_is_kept(self._phase.member)}"
        )


class SaveHook(Hook):
    """Keeps the last checkpoint, the best, and some before, each replaced in one move so that none is half written."""

    priority = "VERY_LOW"

    def __init__(self, phase: PhaseTask) -> None:
        self._phase = phase
        self._member = phase.member
        self._best = -1.0

    def before_train(self, runner: Runner) -> None:
        """Takes up the highest score of an interrupted training."""
        if self._member.best_checkpoint.is_file():
            self._best = main_score(load_checkpoint(self._member.best_checkpoint)["meta"])

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Leaves out the log's history: it lies in the log, and its class is not among those that load safely."""
        checkpoint["message_hub"]["log_scalars"] = {}
        if "optimizer" not in checkpoint:
            checkpoint.pop("ema_state_dict", None)  # only resuming needs the weights beside their average

    def after_train_epoch(self, runner: Runner) -> None:
        """Saves everything that resuming needs, unless the last step has broken the weights."""
        for name, parameter in runner.model.named_parameters():
            if not parameter.isfinite().all():
                step, epoch = self._phase.steps_before + runner.iter, self._phase.epochs_before + runner.epoch + 1
                raise NonFiniteLossError(
                    f"{self._member.name}: the weights {name} became NaN or infinite by step {step} "
                    f"(epoch {epoch}); {_what_is_kept(self._member)}"
                )
        keep_earlier(self._member, self._phase.epochs_before + runner.epoch)
        save_checkpoint(runner, self._member.last_checkpoint, meta={"phase": self._phase.position})

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Saves the weights when the score is the highest so far."""
        score = float(main_score(metrics or {}))
        if score > self._best and self._member.checkpoints >= WITH_BEST:
            self._best = score
            name = MAIN_SCORES[self._phase.settings.task]
            meta = {"epoch": self._phase.epochs_before + runner.epoch, name: score}
            save_checkpoint(runner, self._member.best_checkpoint, is_resumable=False, meta=meta)


class ProgressHook(Hook):
    """Reports where training stands, at most once a second."""

    priority = "LOW"

    def __init__(self, phase: PhaseTask, report: Report) -> None:
        self._phase = phase
        self._report = report
        self._host = socket.gethostname()
        self._score = -1.0
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
        if not is_main_process():
            return
        is_last_of_epoch = self.end_of_epoch(runner.train_dataloader, batch_idx)
        if now - self._last_report < SECONDS_BETWEEN_REPORTS and not is_last_of_epoch:
            return
        self._last_report = now
        assert outputs is not None
        done = runner.iter + 1
        seconds_a_step = (now - self._began) / (done - self._first_step)
        self._report(self._progress(runner, seconds_a_step, float(outputs["loss"].detach().mean())))

    def _progress(self, runner: Runner, seconds_a_step: float, loss: float) -> Progress:
        phase = self._phase
        epochs = phase.member.settings.epochs
        step, steps = phase.steps_before + runner.iter + 1, steps_of(phase.member)
        return Progress(
            member=phase.member.name,
            epoch=phase.epochs_before + runner.epoch + 1,
            epochs=epochs,
            step=step,
            steps=steps,
            loss=loss,
            score=self._score,
            seconds_left=seconds_a_step * (steps - step),
            host=self._host,
            score_title=SCORE_TITLES[MAIN_SCORES[phase.settings.task]],
        )

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Remembers the score for the reports that follow."""
        self._score = main_score(metrics or {})


def _what_is_kept(task: MemberTask) -> str:
    if not task.last_checkpoint.is_file():
        return "there was no checkpoint yet"
    return f"the last good checkpoint is {task.name}/{task.last_checkpoint.name}"
