"""The one place that knows how a trained run of each task is finished."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from recycle.data.coco import Dataset
from recycle.orchestration.finish import FusedRun, TrainedRun, fuse_run, show_results, write_results
from recycle.orchestration.finish_segmentation import FusedPixels, fuse_pixels, show_pixel_results, write_pixel_results
from recycle.orchestration.gate import pass_gate
from recycle.orchestration.pixel_gate import pass_pixel_gate
from recycle.orchestration.pixel_labels import make_pixel_labels, read_believed_pixels
from recycle.orchestration.pseudo_labels import make_labels, read_believed
from recycle.orchestration.rounds import Budget, ExtraRound, Train, add_rounds
from recycle.orchestration.task_rounds import TaskRounds
from recycle.recipe import Fold, PseudoLabels, Task
from recycle.report.results import Results
from recycle.report.rounds import GateReport, LabelsReport


class _Detection:
    def fuse(self, run: TrainedRun, console: Console, *, time_budget_s: float | None = None) -> FusedRun:
        return fuse_run(run, console, time_budget_s=time_budget_s)

    def write_results(self, fused: FusedRun) -> Results:
        return write_results(fused)

    def show_results(self, fused: FusedRun, results: Results, console: Console) -> None:
        show_results(fused, results, console)

    def make_labels(
        self, fused: FusedRun, folds: Iterable[Fold], settings: PseudoLabels, source: Path | None, round_index: int
    ) -> LabelsReport:
        return make_labels(fused, folds, settings, source, round_index)

    def require_source(self, source: Path, test: Dataset, settings: PseudoLabels) -> None:
        read_believed(source, test, settings)

    def pass_gate(
        self, former: FusedRun, candidate: FusedRun, pairs: Mapping[str, str], max_class_fall: float
    ) -> GateReport:
        return pass_gate(former, candidate, pairs, max_class_fall)


class _Segmentation:
    def fuse(self, run: TrainedRun, console: Console, *, time_budget_s: float | None = None) -> FusedPixels:
        return fuse_pixels(run, console, time_budget_s=time_budget_s)

    def write_results(self, fused: FusedPixels) -> Results:
        return write_pixel_results(fused)

    def show_results(self, fused: FusedPixels, results: Results, console: Console) -> None:
        show_pixel_results(fused, results, console)

    def make_labels(
        self, fused: FusedPixels, folds: Iterable[Fold], settings: PseudoLabels, source: Path | None, round_index: int
    ) -> LabelsReport:
        return make_pixel_labels(fused, folds, settings, source, round_index)

    def require_source(self, source: Path, test: Dataset, settings: PseudoLabels) -> None:
        read_believed_pixels(source, test, settings)

    def pass_gate(
        self, former: FusedPixels, candidate: FusedPixels, pairs: Mapping[str, str], max_class_fall: float
    ) -> GateReport:
        return pass_pixel_gate(former, candidate, pairs, max_class_fall)


TASK_ROUNDS: Mapping[Task, TaskRounds[Any]] = {"detection": _Detection(), "segmentation": _Segmentation()}


def finish(run: TrainedRun, console: Console, *, time_budget_s: float | None = None) -> Results:
    """Finds the best ensemble of a run's models, scores it, writes it with the submission, and shows what came out.

    Args:
        run: The run, on a cluster that is connected.
        console: Where progress and results are shown.
        time_budget_s: For the search of settings; None lets it try all it should.

    Raises:
        TrainingError: If no member has out-of-fold predictions.
    """
    by_task = TASK_ROUNDS[run.recipe.task]
    fused = by_task.fuse(run, console, time_budget_s=time_budget_s)
    results = by_task.write_results(fused)
    by_task.show_results(fused, results, console)
    return results


def finish_in_rounds(
    run: TrainedRun, train: Train, console: Console, budget: Budget, extra: ExtraRound | None = None
) -> Results:
    """Finishes a run, with rounds of pseudo labels before its results are written; arguments as for `add_rounds`."""
    by_task = TASK_ROUNDS[run.recipe.task]
    first = by_task.fuse(run, console, time_budget_s=budget())
    fused = add_rounds(first, by_task, train, console, budget, extra)
    results = by_task.write_results(fused)
    by_task.show_results(fused, results, console)
    return results
