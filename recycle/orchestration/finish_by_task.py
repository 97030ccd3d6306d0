"""The one place that knows how a trained run of each task is finished."""

from collections.abc import Mapping
from typing import Protocol

from rich.console import Console

from recycle.orchestration.finish import TrainedRun, finish_run, fuse_run, show_results, write_results
from recycle.orchestration.finish_segmentation import finish_segmentation
from recycle.orchestration.rounds import Budget, ExtraRound, Train, add_rounds
from recycle.recipe import Task
from recycle.report.results import Results


class Finish(Protocol):
    """Finds the best ensemble of a run's models, scores it, writes it with the submission, and shows what came out."""

    def __call__(self, run: TrainedRun, console: Console, *, time_budget_s: float | None = None) -> Results:
        """See `recycle.orchestration.finish.finish_run`."""


FINISHES: Mapping[Task, Finish] = {"detection": finish_run, "segmentation": finish_segmentation}


def finish(run: TrainedRun, console: Console, *, time_budget_s: float | None = None) -> Results:
    """Finishes a run as its task asks; arguments and errors as for `finish_run`."""
    return FINISHES[run.recipe.task](run, console, time_budget_s=time_budget_s)


def finish_in_rounds(
    run: TrainedRun, train: Train, console: Console, budget: Budget, extra: ExtraRound | None = None
) -> Results:
    """Finishes a run, with rounds of pseudo labels before its results are written; arguments as for `add_rounds`."""
    if run.recipe.task == "segmentation":
        return finish(run, console, time_budget_s=budget())
    fused = add_rounds(fuse_run(run, console, time_budget_s=budget()), train, console, budget, extra)
    results = write_results(fused)
    show_results(fused, results, console)
    return results
