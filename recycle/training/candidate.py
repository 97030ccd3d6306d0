"""One setting of a search, trained as any member is, and scored on the folds that it never saw."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from recycle.fusion.member_score import member_score
from recycle.training.local_data import local_data
from recycle.training.member import MemberPlan, TrainingData
from recycle.training.progress import Progress
from recycle.training.run_member import run_member

ReportScore = Callable[[int, float], None]
"""Takes epochs, counted over all folds, and the score after them."""

Value = Callable[[Path], float]
"""Scores a file of predictions of a fold's images."""


def train_candidate(
    plans: Sequence[MemberPlan], data: Mapping[int, TrainingData], metric: str, value: Value | None, report: ReportScore
) -> tuple[float, float]:
    """Trains a candidate for one fold after the other.

    Args:
        plans: The candidate's members, one a fold.
        data: What the member of a fold is trained on, by fold.
        metric: `map50`, `map` or `miou`.
        value: What the predictions of a fold are worth; their score if None.
        report: Told each validation of the first fold, and then the mean over the folds after each but the last; it may
            not return, which ends the training.

    Returns:
        Mean score and mean value over the folds.

    Raises:
        NonFiniteLossError: If a loss becomes NaN or infinite.
    """
    values: list[float] = []
    scores: list[float] = []
    for plan in plans:
        assert plan.oof is not None
        assert plan.fold != "all"
        epochs = plan.settings.epochs
        watching = [] if values else [_ScoreHook(plan.settings.in_phases(), metric, report)]
        with local_data(data[plan.fold], plan.fold) as here:
            run_member(plan, here, _ignore, watching)
        scores.append(member_score(data[plan.fold].train, plan.oof, metric))
        values.append(value(plan.oof) if value else scores[-1])
        if len(values) < len(plans):
            report(len(values) * epochs, fmean(scores))
    return fmean(scores), fmean(values)


class _ScoreHook(Hook):
    """Reports each validation but the last, whose images are predicted once more at the end."""

    def __init__(self, phases: Sequence[Any], metric: str, report: ReportScore) -> None:
        self._epochs = [phase.epochs for phase in phases]
        self._metric, self._report = metric, report
        self._done = 0

    def before_train(self, runner: Runner) -> None:
        self._before = self._done

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        assert metrics is not None
        self._done = self._before + runner.epoch
        if self._done < sum(self._epochs):
            self._report(self._done, metrics[self._metric])


def _ignore(progress: Progress) -> None:
    """Scores alone are of interest."""
