"""Trials that train nothing: a curve that rises to what the parameters are worth, and accidents for some numbers.

As a module it searches in a folder until it is done or killed: `python -m tests.orchestration.artificial_trials DIR`.
"""

import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import optuna

from recycle.orchestration.cluster import connected
from recycle.orchestration.early_stopping import StoppingRules
from recycle.orchestration.trial_budget import TrialBudget
from recycle.orchestration.trials import ReportScore, TrialSearch, run_trials
from recycle.recipe import Resources

EPOCHS = 6
TRIALS_OF_THE_MODULE = 5


@dataclass(frozen=True)
class ArtificialTrial:
    """Scores 1 - |x - 0.3| after its last epoch.

    Attributes:
        seconds_an_epoch: How long an epoch takes.
        accidents: What happens at the first epoch of a trial, by its number.
        worth: What trials are worth, by number, instead.
    """

    seconds_an_epoch: float = 0.02
    accidents: Mapping[int, str] = field(default_factory=dict)
    worth: Sequence[float] = ()

    def __call__(self, number: int, changes: Mapping[str, Any], report: ReportScore) -> tuple[float, float]:
        _happens(self.accidents.get(number, ""))
        top = self.worth[number] if number < len(self.worth) else 1 - abs(changes.get("x", 1.0) - 0.3)
        for epoch in range(1, EPOCHS):
            time.sleep(self.seconds_an_epoch)
            report(epoch, top * (1 - 0.6**epoch))
        time.sleep(self.seconds_an_epoch)
        return top, top


def _happens(accident: str) -> None:
    from recycle.errors import NonFiniteLossError

    if accident == "crash":
        raise ValueError("no such thing")
    if accident == "nan":
        raise NonFiniteLossError("m: the loss became nan at step 3")
    if accident == "memory":
        np.empty(10**15)
    if accident == "killed":
        os.kill(os.getpid(), 9)


def space(trial: optuna.Trial) -> dict[str, Any]:
    return {"x": trial.suggest_float("x", 0, 1)}


def artificial_search(train: ArtificialTrial | None = None, **changes: Any) -> TrialSearch:
    settings: dict[str, Any] = {
        "name": "artificial",
        "train": train or ArtificialTrial(),
        "space": space,
        "start": [{"x": 0.4}],
        "rules": StoppingRules(EPOCHS, 1, grace=2, reduction=3, within=0.15),
        "resources": Resources(),
        "seed": 0,
        "forget": lambda number: None,
    }
    return TrialSearch(**{**settings, **changes})


def run_artificial(
    folder: Path,
    train: ArtificialTrial | None = None,
    *,
    trials: int = 4,
    budget: TrialBudget | None = None,
    **changes: Any,
) -> optuna.Study:
    what = artificial_search(train, **changes)
    budget = budget or TrialBudget(EPOCHS)
    return run_trials(what, folder / "journal", folder / "logs", trials=trials, budget=budget, tell=print)


if __name__ == "__main__":
    with connected():
        run_artificial(Path(sys.argv[1]), ArtificialTrial(seconds_an_epoch=0.3), trials=TRIALS_OF_THE_MODULE)
