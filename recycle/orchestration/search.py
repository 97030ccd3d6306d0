"""A search by Ray Tune and Optuna over the settings of a function that scores them, from a journal that outlives it."""

import logging
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numba
import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState
from ray import tune

from recycle.errors import RecipeError, TrainingError
from recycle.orchestration.cluster import cluster_resources, largest_node_cpus
from recycle.orchestration.journaled_search import JournaledSearch

Parameters = Mapping[str, Any]
Score = Callable[[Parameters], float]
Space = Callable[[optuna.Trial], dict[str, Any]]

SCORE = "score"
CONSTANTS = "constants"
OUTCOME, REASON = "outcome", "reason"
"""What the journal tells of a trial that did not come to its end."""

INTERRUPTED = ("interrupted", "the search was interrupted")
SECONDS_BETWEEN_LINES = 10
SIDE_BY_SIDE = 4
"""Settings that are tried at a time, at most."""


@dataclass(frozen=True)
class SearchTrial:
    """One setting that was tried and its score."""

    parameters: Parameters
    score: float


@dataclass(frozen=True)
class Search:
    """What is searched.

    Attributes:
        name: Names the study in the journal; searches that differ in anything but their length have different names.
        score: Scores a setting; goes to each worker once.
        space: Suggests a setting through an Optuna trial, and gives what else belongs to it.
        start: Settings that are tried first.
        seed: Of the sampler.
    """

    name: str
    score: Score
    space: Space
    start: Sequence[Parameters]
    seed: int


class ScoreTrainable(tune.Trainable):
    """Scores one setting after another in the same process."""

    def setup(self, config: dict[str, Any], score: Score) -> None:  # type: ignore[override] # tune.with_parameters
        """Takes the function out of the object store, once in the life of the process."""
        self._score = score
        assert self.trial_resources is not None
        numba.set_num_threads(int(self.trial_resources.required_resources["CPU"]))

    def step(self) -> dict[str, Any]:
        """Scores the setting."""
        return {SCORE: self._score(self.config), "done": True}

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Takes the next setting."""
        return True


class Progress(tune.Callback):
    """Tells now and then how far a search is."""

    def __init__(self, known: int, trials: int, tell: Callable[[str], None]) -> None:
        self._scored, self._trials, self._tell = known, trials, tell
        self._best, self._told = float("-inf"), time.monotonic()

    def __getstate__(self) -> dict[str, Any]:
        """Keeps nothing: Tune pickles what it would resume with, but a search resumes from its journal."""
        return {}

    def on_trial_result(
        self,
        iteration: int,
        trials: list[Any],
        trial: object,
        result: dict[str, Any],
        **info: object,
    ) -> None:
        """Counts a scored setting."""
        self._scored += 1
        self._best = max(self._best, result[SCORE])
        if self._scored == self._trials or time.monotonic() - self._told > SECONDS_BETWEEN_LINES:
            self._tell(f"  {self._scored} of {self._trials} trials, the best of them {self._best:.4f}")
            self._told = time.monotonic()


def search(
    what: Search, journal: Path, *, trials: int, time_budget_s: float | None, tell: Callable[[str], None]
) -> tuple[SearchTrial, ...]:
    """Tries settings until so many have been scored, those in the journal counted.

    Args:
        what: The search.
        journal: Optuna's journal; a search of this name that it holds is continued.
        trials: How many settings are scored in all, at least 1.
        time_budget_s: Ends the search earlier after so many seconds, but not before its first trial.
        tell: Takes lines about how far the search is.

    Returns:
        All scored settings in the order in which they were suggested.

    Raises:
        RecipeError: If there is less than one trial.
        TrainingError: If a setting could not be scored.
    """
    if trials < 1:
        raise RecipeError(f"trials must be at least 1, but got trials={trials}.")
    with tune_settings():
        study = open_study(what.name, journal)
        known = len(_scored(study))
        tell(f"Searching settings: {trials} trials, {known} of them known before; journal: {journal}")
        if known < trials and time_budget_s != 0:
            _run(what, study, trials - known, time_budget_s, Progress(known, trials, tell))
        if not _scored(study):  # Tune takes seconds to start, which may be more than there is time for
            _score_one(what, study)
    return tuple(SearchTrial(_parameters(trial), float(trial.value or 0)) for trial in _scored(study))


def open_study(name: str, journal: Path) -> optuna.Study:
    """Opens the study of this name; trials that a killed search left running are closed as failed."""
    journal.parent.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        study_name=name,
        storage=JournalStorage(JournalFileBackend(str(journal))),
        direction="maximize",
        load_if_exists=True,
    )
    for trial in study.get_trials(deepcopy=False, states=[TrialState.RUNNING]):
        stale = optuna.Trial(study, trial._trial_id)
        for attribute, told in zip((OUTCOME, REASON), INTERRUPTED, strict=True):
            stale.set_user_attr(attribute, told)
        study.tell(stale, state=TrialState.FAIL)
    return study


def seconds_a_fold(time_budget_s: float | None, folds: int) -> float | None:
    """What each fold's estimate gets of the time there is: those that do not run side by side share it."""
    return time_budget_s and time_budget_s * min(folds, largest_node_cpus()) / folds


def untried(start: Sequence[Parameters], trials: Sequence[optuna.trial.FrozenTrial]) -> list[dict[str, Any]]:
    """Returns the settings to start from that none of these trials tried; what a space does not suggest is alike."""
    known = [_parameters(trial) for trial in trials]
    return [
        dict(point)
        for point in start
        if not any(all(one.get(name, value) == value for name, value in point.items()) for one in known)
    ]


def _scored(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    return study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])


def _run(what: Search, study: optuna.Study, trials: int, time_budget_s: float | None, progress: "Progress") -> None:
    finished = len(study.get_trials(deepcopy=False))
    # A sampler with the seed alone would repeat its first suggestions after every interruption.
    sampler = optuna.samplers.TPESampler(seed=what.seed + finished, multivariate=True, group=True)
    algorithm = JournaledSearch(
        study,
        min(SIDE_BY_SIDE, int(cluster_resources()["CPU"]) // _cpus_a_trial()),
        space=partial(suggest_whole, what.space),
        metric=SCORE,
        mode="max",
        points_to_evaluate=untried(what.start, _scored(study)),
        sampler=sampler,
    )
    with tempfile.TemporaryDirectory() as folder:
        tuner = tune.Tuner(
            tune.with_resources(tune.with_parameters(ScoreTrainable, score=what.score), {"CPU": _cpus_a_trial()}),
            tune_config=tune.TuneConfig(
                metric=SCORE,
                mode="max",
                search_alg=algorithm,
                num_samples=trials,
                time_budget_s=time_budget_s,
                reuse_actors=True,
            ),
            run_config=_run_config(folder, progress),
        )
        try:
            results = tuner.fit()
        finally:
            algorithm.finish()
    if results.errors:
        raise TrainingError(f"a setting could not be scored: {results.errors[0]}")


def _score_one(what: Search, study: optuna.Study) -> None:
    """Scores the first setting in this process."""
    for parameters in what.start[:1]:
        study.enqueue_trial(dict(parameters))
    trial = study.ask()
    constants = suggest_whole(what.space, trial)
    study.tell(trial, what.score({**trial.params, **constants}))


def _run_config(folder: str, progress: "Progress") -> tune.RunConfig:
    return tune.RunConfig(
        name="search",
        storage_path=folder,
        callbacks=[progress],
        verbose=0,
        failure_config=tune.FailureConfig(fail_fast=True),
        checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
    )


def suggest_whole(space: Space, trial: optuna.Trial) -> dict[str, Any]:
    """Keeps in the journal what the space gives beside its suggestions."""
    constants = space(trial)
    if constants:
        trial.set_user_attr(CONSTANTS, constants)
    return constants


def _parameters(trial: optuna.trial.FrozenTrial) -> Parameters:
    return {**trial.params, **trial.user_attrs.get(CONSTANTS, {})}


def _cpus_a_trial() -> int:
    """An equal part of the largest node, and at least a core."""
    return max(1, largest_node_cpus() // SIDE_BY_SIDE)


@contextmanager
def tune_settings() -> Iterator[None]:
    """Has Tune start workers together, and write no logs of every trial, which nobody reads and which take long."""
    settings = {
        # All workers start at once: one that starts later would lose its trial to one that is free before it is up.
        "TUNE_MAX_PENDING_TRIALS_PG": str(SIDE_BY_SIDE),
        "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
        "TUNE_DISABLE_SIGINT_HANDLER": "1",
        "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
        "RAY_AIR_NEW_OUTPUT": "0",
    }
    before = {name: os.environ.get(name) for name in settings}
    verbosity = optuna.logging.get_verbosity()
    # It misses those logs, once a trial, and shows errors that we tell in a line.
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    os.environ.update(settings)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(verbosity)
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)
