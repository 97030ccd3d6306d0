"""Which trials of a search go on: ASHA over their epochs, and the rule that drops what cannot come near the best."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, cast

from ray import cloudpickle
from ray.exceptions import OutOfMemoryError, RayTaskError
from ray.tune.error import TuneError
from ray.tune.schedulers import AsyncHyperBandScheduler, TrialScheduler

from recycle.errors import NonFiniteLossError
from recycle.orchestration.failures import reason_of
from recycle.orchestration.projection import project
from recycle.recipe import Search

SCORE, STEP, VALUE = "score", "epoch", "value"
"""What a trial reports: its own score after so many epochs over all folds, and at its end what the search climbs."""

Outcome = Literal[
    "finished", "stopped", "dropped", "out of time", "interrupted", "crashed", "out of memory", "loss not finite"
]
MEMORY_MESSAGES = ("out of memory", "running low on memory", "can't allocate memory", "unable to allocate")


@dataclass(frozen=True)
class Ending:
    """How a trial ended, and why."""

    outcome: Outcome
    reason: str


@dataclass(frozen=True)
class StoppingRules:
    """When a trial is stopped.

    Attributes:
        epochs: Of one fold.
        folds: How many folds are trained, one after the other.
        grace: Epochs that every trial gets.
        reduction: Of the trials at each rung the best 1/reduction go on.
        within: How far below the best, as a part of it, a trial may be expected to end.
    """

    epochs: int
    folds: int
    grace: int
    reduction: float
    within: float

    @classmethod
    def of(cls, search: Search, epochs: int) -> "StoppingRules":
        """The rules of a recipe for candidates with so many epochs a fold."""
        grace = max(1, math.ceil(search.grace * epochs))
        return cls(epochs, len(search.folds), grace, search.reduction, search.within)

    @property
    def steps(self) -> int:
        """Epochs over all folds."""
        return self.epochs * self.folds


class EarlyStopping(AsyncHyperBandScheduler):
    """ASHA, the drop rule, and a note of why each trial ended that did not come to its end.

    Args:
        rules: When a trial is stopped.
        known: Curves of the trials of earlier parts of this search, and whether each came to its end.
    """

    def __init__(self, rules: StoppingRules, known: Mapping[str, tuple[Mapping[int, float], bool]]) -> None:
        super().__init__(
            time_attr=STEP,
            metric=SCORE,
            mode="max",
            max_t=rules.steps,
            grace_period=rules.grace,
            reduction_factor=rules.reduction,
        )
        self._rules = rules
        self._best = 0.0
        self._curves: dict[str, dict[int, float]] = {}
        self.endings: dict[str, Ending] = {}
        for name, (curve, is_finished) in known.items():
            self._recall(SimpleNamespace(trial_id=name), curve, is_finished=is_finished)

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:  # noqa: ANN401
        """Decides whether a trial goes on."""
        step, score = result[STEP], result[SCORE]
        if VALUE in result:
            self._best = max(self._best, score)
            return str(TrialScheduler.CONTINUE)
        curve = self._curves.setdefault(trial.trial_id, {})
        curve[step] = score
        if reason := self._why_drop(curve, step):
            self.endings[trial.trial_id] = Ending("dropped", reason)
            return str(TrialScheduler.STOP)
        decision = super().on_trial_result(tune_controller, trial, result)
        if decision == TrialScheduler.STOP:
            reason = (
                f"at epoch {step} its score, {score:.4f}, is not among the best 1/{self._rules.reduction:g} of ASHA"
            )
            self.endings[trial.trial_id] = Ending("stopped", reason)
        return str(decision)

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:  # noqa: ANN401 - Tune's classes
        """Notes the cause, of which Tune tells nobody else in time."""
        # Its accessors look in the storage, to which the file is copied later.
        pickled = Path(trial.pickled_error_file)
        error = cloudpickle.loads(pickled.read_bytes()) if pickled.is_file() else _unpickled(Path(trial.error_file))
        self.endings[trial.trial_id] = ending_of(error)

    def _why_drop(self, curve: Mapping[int, float], step: int) -> str | None:
        projected = project(curve, self._rules.epochs)
        least = self._best * (1 - self._rules.within)
        if step < self._rules.grace or projected is None or projected >= least:
            return None
        return (
            f"at epoch {step} its score, {curve[step]:.4f}, is expected to become {projected:.4f}, which is not within "
            f"{self._rules.within:.0%} of the best, {self._best:.4f}"
        )

    def _recall(self, trial: Any, curve: Mapping[int, float], *, is_finished: bool) -> None:  # noqa: ANN401
        self.on_trial_add(cast(Any, None), trial)  # which it does not look at
        for step, score in sorted(curve.items()):
            if step < self._rules.steps:
                super().on_trial_result(cast(Any, None), trial, {STEP: step, SCORE: score})
        if is_finished:
            self._best = max(self._best, curve[max(curve)])


def _unpickled(file: Path) -> TuneError:
    """An error that Tune wrote as text alone, without its line about when it was."""
    return TuneError(file.read_text(errors="replace").partition("\n")[2])


def ending_of(error: Exception) -> Ending:
    """What an error of a trial was."""
    cause = error.cause if isinstance(error, RayTaskError) else error
    text = str(cause).lower()
    if isinstance(cause, NonFiniteLossError):
        return Ending("loss not finite", reason_of(error))
    if isinstance(cause, MemoryError | OutOfMemoryError) or any(message in text for message in MEMORY_MESSAGES):
        return Ending("out of memory", reason_of(error))
    return Ending("crashed", reason_of(error))
