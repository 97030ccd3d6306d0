"""The space of a training search: found by its name, and tried on the model before anything trains."""

import importlib
import inspect
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import optuna

from recycle.errors import RecipeError
from recycle.fusion.tuning import quiet_optuna
from recycle.orchestration.search import Parameters, Space
from recycle.recipe import Model, Recipe
from recycle.recipe.changes import with_changes

SAMPLES = 60
"""Settings that are drawn to find out what a space suggests."""


@dataclass(frozen=True)
class CandidateSpace:
    """A space that suits its model.

    Attributes:
        suggest: Suggests changes through an Optuna trial.
        start: Parameters that are tried first.
    """

    suggest: Space
    start: Sequence[Parameters]


def candidate_space(name: str, recipe: Recipe, model: Model) -> CandidateSpace:
    """Finds a space, and makes sure that all it suggests is valid for the model.

    Args:
        name: `package.module:function`; the function takes an Optuna trial and, where it has a parameter of this name,
            `model`. A function `start(model)` beside it gives the parameters to try first.
        recipe: The recipe.
        model: Its model that is searched.

    Raises:
        RecipeError: If there is no such function, a range is empty, changes are not valid for the model, or nothing is
            suggested for it; names the space and the parameter.
    """
    module, function = _find(name)
    suggest = partial(function, model=model) if "model" in inspect.signature(function).parameters else function
    start = getattr(module, "start", None)
    space = CandidateSpace(suggest, start(model) if start and suggest is not function else [])
    with quiet_optuna():
        _try(name, space, recipe, model)
    return space


def _find(name: str) -> tuple[Any, Callable[..., dict[str, Any]]]:
    path, _, function = name.partition(":")
    try:
        module = importlib.import_module(path)
    except ImportError as error:
        raise RecipeError(f"search.space {name}: the module {path} cannot be imported: {error}") from None
    found = getattr(module, function, None)
    if not callable(found):
        raise RecipeError(f"search.space {name}: the module {path} has no function {function!r}")
    return module, found


def _try(name: str, space: CandidateSpace, recipe: Recipe, model: Model) -> None:
    """Draws settings at random, those to begin with first."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for parameters in space.start:
        study.enqueue_trial(dict(parameters))
    suggested: set[str] = set()
    changed: set[str] = set()
    for _ in range(SAMPLES):
        trial = study.ask()
        changes = _suggested(name, space.suggest, trial)
        suggested |= trial.params.keys()
        changed |= changes.keys()
        try:
            json.dumps(changes, allow_nan=False)
            with_changes(recipe, model.name, changes)
        except (RecipeError, TypeError, ValueError) as error:
            raise RecipeError(f"search.space {name} does not suit model {model.name!r}: {error}") from None
    if not suggested or not changed:
        raise RecipeError(f"search.space {name} suggests nothing that model {model.name!r} could use")


def _suggested(name: str, suggest: Space, trial: optuna.Trial) -> dict[str, Any]:
    watched = _Watched(trial)
    try:
        changes = suggest(watched)  # type: ignore[arg-type]
    except Exception as error:
        at = f" at parameter {watched.latest!r}" if watched.latest else ""
        raise RecipeError(f"search.space {name} fails{at}: {error}") from None
    if not isinstance(changes, dict) or not all(isinstance(key, str) for key in changes):
        raise RecipeError(f"search.space {name} must give a dict of changes by key, but got {changes!r:.120}")
    return changes


class _Watched:
    """A trial that remembers for which parameter it was asked last."""

    def __init__(self, trial: optuna.Trial) -> None:
        self._trial = trial
        self.latest = ""

    def __getattr__(self, attribute: str) -> Any:  # noqa: ANN401 - whatever a trial has
        found = getattr(self._trial, attribute)
        return partial(self._ask, found) if attribute.startswith("suggest_") else found

    def _ask(self, suggest: Callable[..., Any], name: str, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401
        self.latest = name
        return suggest(name, *arguments, **named)
