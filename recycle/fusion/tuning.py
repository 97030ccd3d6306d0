"""The settings of an ensemble that score best, found by an Optuna study in this process."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import optuna

from recycle.errors import RecipeError
from recycle.fusion.objective import FusionObjective
from recycle.fusion.settings import EnsembleSettings, parameters_of, settings_of

Space = Callable[[optuna.Trial], Mapping[str, Any]]
"""Suggests through the trial and returns what there is no choice of."""


@dataclass(frozen=True)
class FusionTrial:
    """Settings that were tried, and their score."""

    settings: EnsembleSettings
    score: float


@dataclass(frozen=True)
class TunedFusion:
    """The best settings found, their score, and every trial in order; those to start from come first."""

    settings: EnsembleSettings
    score: float
    trials: tuple[FusionTrial, ...]


@dataclass(frozen=True)
class ScoredParameters:
    """Values that were tried, by name, and their score."""

    parameters: Mapping[str, Any]
    score: float


def tune(
    objective: FusionObjective,
    space: Space,
    start: Sequence[EnsembleSettings],
    trials: int,
    seed: int,
    time_budget_s: float | None = None,
) -> TunedFusion:
    """Searches with Optuna's TPE sampler; what comes first wins a tie, so the result is never below the start's best.

    Args:
        objective: What scores.
        space: The parameters of `recycle.fusion.settings.settings_of`, see `search_spaces.fusion.space`.
        start: Settings of the space that are tried first, as far as trials reach.
        trials: How many settings are tried, at least 1.
        seed: Of the sampler; equal seeds give equal results.
        time_budget_s: Ends the search earlier after so many seconds, but not before its first trial.

    Raises:
        RecipeError: If there is less than one trial, or settings to start from are outside the space.
        DataError: If a label is not that of a class.
    """

    def score(parameters: Mapping[str, Any]) -> float:
        return objective(settings_of(parameters, objective.models))

    first = [parameters_of(settings, objective.models) for settings in dict.fromkeys(start)]
    tried = tune_parameters(score, space, first, trials, seed, time_budget_s)
    named = tuple(FusionTrial(settings_of(one.parameters, objective.models), one.score) for one in tried)
    best = max(named, key=lambda one: one.score)
    return TunedFusion(best.settings, best.score, named)


def tune_parameters(
    score: Callable[[Mapping[str, Any]], float],
    space: Space,
    start: Sequence[Mapping[str, Any]],
    trials: int,
    seed: int,
    time_budget_s: float | None = None,
) -> list[ScoredParameters]:
    """Searches over named values; arguments and errors as for `tune`.

    Returns:
        All that were tried, in order, with what the space gives beside its suggestions.
    """
    if trials < 1:
        raise RecipeError(f"trials must be at least 1, but got trials={trials}.")
    tried: list[ScoredParameters] = []

    def scored(trial: optuna.Trial) -> float:
        constants = space(trial)
        parameters = {**trial.params, **constants}
        tried.append(ScoredParameters(parameters, score(parameters)))
        return tried[-1].score

    with quiet_optuna():
        study = optuna.create_study(direction="maximize", sampler=_sampler(seed))
        for parameters in start:
            study.enqueue_trial(dict(parameters))
        study.optimize(scored, n_trials=trials, timeout=time_budget_s)
        if not tried:  # Optuna looks at the clock before the first trial too
            study.optimize(scored, n_trials=1)
    return tried


def _sampler(seed: int) -> optuna.samplers.TPESampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(multivariate=True, group=True, seed=seed)


@contextmanager
def quiet_optuna() -> Iterator[None]:
    """Has Optuna tell warnings alone while the block runs."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(verbosity)
