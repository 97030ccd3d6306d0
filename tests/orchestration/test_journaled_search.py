"""The searcher as Tune calls it: what it suggests does not depend on which setting is scored first."""

import random
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from recycle.orchestration.journaled_search import BEHIND, JournaledSearch

SIDE_BY_SIDE = 3


def space(trial: optuna.Trial) -> dict[str, Any]:
    trial.suggest_float("x", 0, 1)
    return {}


def searcher(journal: optuna.Study) -> JournaledSearch:
    sampler = optuna.samplers.TPESampler(seed=0, multivariate=True, n_startup_trials=4)
    return JournaledSearch(journal, SIDE_BY_SIDE, space=space, metric="score", mode="max", sampler=sampler)


def tried(journal: optuna.Study, trials: int, seed: int) -> list[float]:
    """Searches as Tune would whose workers end in an order of their own."""
    algorithm, ends = searcher(journal), random.Random(seed)
    running: dict[str, float] = {}
    suggested: list[float] = []
    while len(suggested) < trials or running:
        name = f"tune-{len(suggested)}"
        suggestion = algorithm.suggest(name) if len(suggested) < trials else None
        if suggestion:
            running[name] = suggestion["x"]
            suggested.append(suggestion["x"])
            assert len(running) <= SIDE_BY_SIDE
        else:
            ended = ends.choice(list(running))
            x = running.pop(ended)
            algorithm.on_trial_complete(ended, {"score": -abs(x - 0.3)})
    algorithm.finish()
    return suggested


@pytest.mark.parametrize("seed", range(1, 4))
def test_the_order_in_which_settings_are_scored_changes_no_suggestion(seed: int) -> None:
    assert tried(optuna.create_study(direction="maximize"), 30, seed) == tried(
        optuna.create_study(direction="maximize"), 30, seed=0
    )


def test_the_journal_holds_every_trial_in_the_order_of_suggestions() -> None:
    journal = optuna.create_study(direction="maximize")
    suggested = tried(journal, 20, seed=5)
    assert [trial.params["x"] for trial in journal.trials] == suggested
    assert [trial.value for trial in journal.trials] == [-abs(x - 0.3) for x in suggested]


def test_waits_for_a_result_that_the_next_suggestion_shall_know() -> None:
    algorithm = searcher(optuna.create_study(direction="maximize"))
    names = [f"tune-{number}" for number in range(BEHIND + 1)]
    for name in names[:-1]:
        assert algorithm.suggest(name)
        if name != names[0]:
            algorithm.on_trial_complete(name, {"score": 0.0})
    assert algorithm.suggest(names[-1]), "it does without all of them"
    algorithm.on_trial_complete(names[-1], {"score": 0.0})
    assert algorithm.suggest("one more") is None
    algorithm.on_trial_complete(names[0], {"score": 0.0})
    assert algorithm.suggest("one more")


def test_what_was_stopped_before_its_score_is_no_result() -> None:
    journal = optuna.create_study(direction="maximize")
    algorithm = searcher(journal)
    for name in ("scored", "stopped", "lost"):
        algorithm.suggest(name)
    algorithm.on_trial_complete("scored", {"score": 1.0})
    algorithm.on_trial_complete("stopped", None)
    algorithm.finish()
    assert [trial.state for trial in journal.trials] == [TrialState.COMPLETE, TrialState.PRUNED]
