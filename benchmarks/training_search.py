"""What a search of training settings costs beyond training, for 4, 16 and 64 trials.

Run it as `python benchmarks/training_search.py`. It starts Ray on the cores of this machine. A trial trains nothing: it
waits as long as a training would take and reports scores on the way; what is left of its time, and all of the driver's,
is the search's own.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from rich.console import Console
from rich.table import Table

from recycle.orchestration.cluster import cluster_nodes, connected
from recycle.orchestration.early_stopping import StoppingRules
from recycle.orchestration.trial_budget import TrialBudget
from recycle.orchestration.trials import ReportScore, TrialSearch, run_trials, trials_side_by_side
from recycle.recipe import Resources

EPOCHS = 5
PARAMETERS = 16


@dataclass(frozen=True)
class Waiting:
    """A trial that waits in place of each epoch."""

    seconds_an_epoch: float

    def __call__(self, number: int, changes: Mapping[str, Any], report: ReportScore) -> tuple[float, float]:
        score = 1 - sum((value - 0.3) ** 2 for value in changes.values()) / PARAMETERS
        for epoch in range(1, EPOCHS):
            time.sleep(self.seconds_an_epoch)
            report(epoch, score * epoch / EPOCHS)
        time.sleep(self.seconds_an_epoch)
        return score, score


def space(trial: optuna.Trial) -> dict[str, Any]:
    return {f"x{place}": trial.suggest_float(f"x{place}", 0, 1) for place in range(PARAMETERS)}


def forget(number: int) -> None:
    """Nothing is left of a trial that trained nothing."""


def time_search(table: Table, trials: int, seconds_an_epoch: float) -> None:
    rules = StoppingRules(EPOCHS, 1, grace=EPOCHS, reduction=3, within=1.0)  # nothing is stopped early
    what = TrialSearch("timed", Waiting(seconds_an_epoch), space, [], rules, Resources(), 0, forget)
    with tempfile.TemporaryDirectory() as folder:
        began, cpu = time.perf_counter(), _cpu_seconds()
        journal, logs = Path(folder, "journal"), Path(folder, "logs")
        run_trials(what, journal, logs, trials=trials, budget=TrialBudget(EPOCHS), tell=lambda line: None)
        whole, driver = time.perf_counter() - began, _cpu_seconds() - cpu
    workers = min(trials, trials_side_by_side(Resources(), cluster_nodes()))
    added = whole * workers / trials - EPOCHS * seconds_an_epoch
    table.add_row(str(trials), str(workers), f"{whole:.1f}", f"{added:.2f}", f"{driver:.2f}", f"{driver / trials:.3f}")


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, nargs="+", default=[4, 16, 64])
    parser.add_argument("--seconds", type=float, default=1.0, help="that a trial would train")
    arguments = parser.parse_args()
    columns = ("trials", "side by side", "whole [s]", "added to each [s]", "driver's CPU [s]", "of it for each [s]")
    table = Table(*columns, title="A search whose trials train nothing")
    with connected():
        for trials in arguments.trials:
            time_search(table, trials, arguments.seconds / EPOCHS)
    Console().print(table)


if __name__ == "__main__":
    main()
