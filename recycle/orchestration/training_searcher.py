"""The searcher of trainings: each trial stands in the journal from its start, with every score and why it ended."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import TrialState, create_trial
from ray.tune.search import Searcher

from recycle.orchestration.early_stopping import SCORE, STEP, VALUE, Ending
from recycle.orchestration.journaled_search import JournaledSearch
from recycle.orchestration.search import CONSTANTS, OUTCOME, REASON
from recycle.orchestration.trial_budget import TrialBudget

NUMBER, CHANGES = "number", "changes"
SECONDS = "seconds"
OUT_OF_TIME = Ending("out of time", "the time of the search was over")
CRASHED = Ending("crashed", "its process died")

Tell = Callable[[str], None]


class TrainingSearcher(JournaledSearch):
    """Suggests as `JournaledSearch` does, but loses no result that is waiting for its turn: it is in the journal.

    Args:
        journal: Holds what was tried before, and gets every trial as it starts, reports and ends.
        side_by_side: Trials that run at a time.
        budget: Whether there is time for another.
        endings: Why trials were stopped or failed, by Tune's id, as the scheduler notes it.
        tell: Takes a line about each trial that ended.
        forget: Takes its number then.
        arguments: Of `OptunaSearch`.
    """

    def __init__(
        self,
        journal: optuna.Study,
        side_by_side: int,
        *,
        budget: TrialBudget,
        endings: Mapping[str, Ending],
        tell: Tell,
        forget: Callable[[int], None],
        **arguments: Any,  # noqa: ANN401 - whatever
    ) -> None:
        super().__init__(journal, side_by_side, behind=2 * side_by_side, metric=SCORE, mode="max", **arguments)
        self._budget, self._endings, self._tell_user, self._forget = budget, endings, tell, forget
        self._curves: dict[str, dict[int, float]] = {}
        self._ended: dict[str, Ending] = {}
        self.last_ending = OUT_OF_TIME

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:  # type: ignore[override] # as Tune's own do
        """Gives the next setting with its number, nothing yet, or the word that there is no time for more."""
        if not self._budget.admits_another():
            return Searcher.FINISHED
        suggestion = super().suggest(trial_id)
        if suggestion is None:
            return None
        self._budget.start(trial_id)
        self._curves[trial_id] = {}
        memory = self._in_memory(trial_id)
        running = create_trial(
            state=TrialState.RUNNING,
            params=memory.params,
            distributions=memory.distributions,
            user_attrs=memory.user_attrs,
        )
        self._journal.add_trial(running)
        return {**suggestion, NUMBER: memory.number}

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Notes a score, and how long it took to come so far."""
        self._curves[trial_id][result[STEP]] = result[SCORE]
        self._budget.measure(trial_id, result[STEP])
        self._in_journal(trial_id).report(result[SCORE], result[STEP])

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Writes down how a trial ended, at once."""
        if trial_id in self._ended:
            return
        if result and VALUE not in result:  # the result at which it was stopped
            self.on_trial_result(trial_id, result)
        value = (result or {}).get(VALUE)
        if value is not None and not math.isfinite(value):
            self._end(trial_id, Ending("loss not finite", f"its score is {value}"))
        elif value is not None:
            self._end(trial_id, Ending("finished", ""), value)
        else:
            self._end(trial_id, self._endings.get(trial_id, CRASHED if error else self.last_ending))
        super().on_trial_complete(trial_id, result, error)

    def __getstate__(self) -> dict[str, Any]:
        """Keeps nothing: Tune pickles what it would resume with, but a search resumes from its journal."""
        return {}

    def save(self, checkpoint_path: str) -> None:
        """Keeps nothing either."""
        Path(checkpoint_path).touch()

    def finish(self) -> None:
        """Closes trials that still run."""
        for trial_id in self._suggested:
            if trial_id not in self._ended:
                self._end(trial_id, self.last_ending)

    def _end(self, trial_id: str, ending: Ending, value: float | None = None) -> None:
        self._ended[trial_id] = ending
        trial = self._in_journal(trial_id)
        trial.set_user_attr(OUTCOME, ending.outcome)
        trial.set_user_attr(REASON, ending.reason)
        trial.set_user_attr(SECONDS, round(self._budget.elapsed(trial_id), 3))
        state = self._state_of(trial_id, ending)
        self._journal.tell(trial.number, value if state == TrialState.COMPLETE else None, state)
        told = f"{value:.4f}" if value is not None else f"{ending.outcome}: {ending.reason}"
        self._tell_user(f"  trial {trial.number}: {told}")
        self._forget(trial.number)

    def _state_of(self, trial_id: str, ending: Ending) -> TrialState:
        if ending.outcome == "finished":
            return TrialState.COMPLETE
        is_pruned = ending.outcome in ("stopped", "dropped", "out of time") and self._curves[trial_id]
        return TrialState.PRUNED if is_pruned else TrialState.FAIL

    def _tell_one(self, number: int, result: dict[str, Any] | None, error: bool) -> None:
        """Tells the sampler's study what the journal holds already."""
        trial_id = self._suggested[number]
        trial = self._ot_trials[str(number)]
        for step, score in self._curves[trial_id].items():
            trial.report(score, step)
        state = self._state_of(trial_id, self._ended[trial_id])
        value = (result or {}).get(VALUE) if state == TrialState.COMPLETE else None
        self._memory.tell(trial.number, value, state)

    def _in_memory(self, trial_id: str) -> optuna.trial.FrozenTrial:
        number = self._known_before + self._suggested.index(trial_id)
        return self._memory.get_trials(deepcopy=False)[number]

    def _in_journal(self, trial_id: str) -> optuna.Trial:
        number = self._known_before + self._suggested.index(trial_id)
        frozen = self._journal.get_trials(deepcopy=False)[number]
        return optuna.Trial(self._journal, frozen._trial_id)


def changes_of(trial: optuna.trial.FrozenTrial) -> dict[str, Any]:
    """What a trial changed of the model."""
    changes: dict[str, Any] = trial.user_attrs.get(CONSTANTS, {}).get(CHANGES, {})
    return changes
