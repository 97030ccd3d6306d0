"""Optuna behind Tune: suggestions in good time, equal for equal seeds, and a journal of what was tried."""

from typing import Any

import optuna
from ray.tune.search.optuna import OptunaSearch

BEHIND = 12
"""Results that a suggestion does without, on any machine: those of the settings right before it. So equal seeds give
equal results whichever ends first, and the next suggestion is ready before a process asks for it. Tune gives up a
process that finds nothing to do, so these must be more than the others try while one is busy with a slow one."""


class JournaledSearch(OptunaSearch):
    """Suggests ahead, tells Optuna results in the order of suggestions, and writes down whole trials.

    The study is kept in memory, as a journal is synced to the disk with every parameter.

    Args:
        journal: Holds what was tried before, and gets every trial once Optuna is told its result.
        side_by_side: Settings that are tried at a time.
        behind: Results that a suggestion does without.
        arguments: Of `OptunaSearch`.
    """

    def __init__(
        self,
        journal: optuna.Study,
        side_by_side: int,
        behind: int = BEHIND,
        **arguments: Any,  # noqa: ANN401 - whatever
    ) -> None:
        memory = optuna.create_study(direction=journal.direction)
        memory.add_trials(journal.get_trials(deepcopy=False))
        self._journal, self._memory, self._known_before = journal, memory, len(memory.trials)
        self._side_by_side, self._behind = side_by_side, behind
        self._ahead: dict[str, Any] | None = None
        self._suggested: list[str] = []
        self._results: dict[str, tuple[dict[str, Any] | None, bool]] = {}
        self._told = 0
        super().__init__(study_name=memory.study_name, storage=memory._storage, **arguments)

    def suggest(self, trial_id: str) -> dict[str, Any] | None:
        """Gives the next setting, or nothing yet; what it waits for decides when it comes, not what comes."""
        if self._ahead is None:
            self._ahead = self._look_ahead()
        if self._ahead is None or self._running() == self._side_by_side:
            return None
        suggestion, self._ahead = self._ahead, None
        self._suggested.append(trial_id)
        return suggestion

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Does nothing: a setting is scored once, and then complete."""

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Keeps the result until it is its turn."""
        self._results[trial_id] = result, error

    def finish(self) -> None:
        """Tells Optuna and the journal the results that wait for their turn."""
        self._tell(len(self._suggested))

    def _look_ahead(self) -> dict[str, Any] | None:
        count = max(0, len(self._suggested) - self._behind)
        if any(trial_id not in self._results for trial_id in self._suggested[self._told : count]):
            return None
        self._tell(count)
        return super().suggest(str(len(self._suggested)))

    def _running(self) -> int:
        return len(self._suggested) - len(self._results)

    def _tell(self, count: int) -> None:
        """Tells the results of so many settings, the first ones; Optuna knows each by its number."""
        for number in range(self._told, count):
            if result := self._results.get(self._suggested[number]):
                self._tell_one(number, *result)
        self._told = count

    def _tell_one(self, number: int, result: dict[str, Any] | None, error: bool) -> None:
        super().on_trial_complete(str(number), result, error)
        self._journal.add_trial(self._memory.get_trials(deepcopy=False)[self._known_before + number])
