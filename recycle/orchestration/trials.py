"""Runs the trials of a training search with Ray Tune: side by side, in time, and on through whatever fails."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState
from ray import tune
from ray.tune.logger import TBXLoggerCallback

from recycle.orchestration.cluster import cluster_nodes, ray_resources
from recycle.orchestration.early_stopping import SCORE, STEP, VALUE, EarlyStopping, Ending, StoppingRules
from recycle.orchestration.nodes import Node
from recycle.orchestration.search import (
    INTERRUPTED,
    OUTCOME,
    Parameters,
    Space,
    open_study,
    suggest_whole,
    tune_settings,
    untried,
)
from recycle.orchestration.training_searcher import CHANGES, NUMBER, Tell, TrainingSearcher, changes_of
from recycle.orchestration.trial_budget import TrialBudget
from recycle.recipe import Resources

STARTUP_TRIALS = 6
"""Settings that are drawn at random before the sampler learns from results."""

ReportScore = Callable[[int, float], None]
TrialFunction = Callable[[int, Mapping[str, Any], ReportScore], tuple[float, float]]
"""Trains the trial of a number with these changes, reports scores on the way, gives its last score and its value."""


@dataclass(frozen=True)
class TrialSearch:
    """What is searched.

    Attributes:
        name: Names the study in the journal; searches whose values cannot be compared have different names.
        train: Trains a trial; goes to each of its processes.
        space: Suggests changes through an Optuna trial.
        start: Parameters that are tried first; without any, the first trial changes nothing.
        rules: When a trial is stopped.
        resources: What a trial occupies.
        seed: Of the sampler.
        forget: Called with the number of each trial that ended, to remove what nobody needs any more.
    """

    name: str
    train: TrialFunction
    space: Space
    start: Sequence[Parameters]
    rules: StoppingRules
    resources: Resources
    seed: int
    forget: Callable[[int], None]


def run_trials(
    what: TrialSearch,
    journal: Path,
    logs: Path,
    *,
    trials: int,
    budget: TrialBudget,
    tell: Tell,
    callbacks: Sequence[tune.Callback] = (),
) -> optuna.Study:
    """Runs trials until so many have ended, those in the journal counted, or there is no time for another.

    Args:
        what: The search.
        journal: Optuna's journal; a search of this name that it holds is continued.
        logs: Folder of what Tune and TensorBoard keep.
        trials: How many in all; those that were interrupted do not count.
        budget: The time there is.
        tell: Takes a line about each trial.
        callbacks: Further loggers.

    Returns:
        The study, in which no trial runs any more.
    """
    with tune_settings():
        study = open_study(what.name, journal)
        known = ended(study)
        tell(f"{trials} trials, {len(known)} of them known before; journal: {journal}")
        if len(known) < trials:
            _run(what, study, logs, trials - len(known), budget, tell, callbacks)
    return study


def ended(study: optuna.Study) -> list[FrozenTrial]:
    """The trials that ended for a reason of their own, in their order."""
    return [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.state.is_finished() and trial.user_attrs.get(OUTCOME) != INTERRUPTED[0]
    ]


def trials_side_by_side(resources: Resources, nodes: Sequence[Node]) -> int:
    """How many trials the nodes hold together, at least one."""
    wanted = ray_resources(resources)
    return max(
        1,
        sum(min(int(node.resources.get(name, 0) / amount + 1e-6) for name, amount in wanted.items()) for node in nodes),
    )


def _run(
    what: TrialSearch,
    study: optuna.Study,
    logs: Path,
    trials: int,
    budget: TrialBudget,
    tell: Tell,
    callbacks: Sequence[tune.Callback],
) -> None:
    before = study.get_trials(deepcopy=False)
    scheduler = EarlyStopping(what.rules, {f"known-{trial.number}": _curve(trial) for trial in before})
    searcher = TrainingSearcher(
        study,
        trials_side_by_side(what.resources, cluster_nodes()),
        budget=budget,
        endings=scheduler.endings,
        tell=tell,
        forget=what.forget,
        space=partial(suggest_whole, partial(_suggest, what, _unchanged_number(what, study))),
        points_to_evaluate=untried(what.start, ended(study)),
        # A sampler with the seed alone would repeat its first suggestions after every interruption.
        sampler=optuna.samplers.TPESampler(
            seed=what.seed + len(before), multivariate=True, group=True, n_startup_trials=STARTUP_TRIALS
        ),
    )
    tuner = tune.Tuner(
        tune.with_resources(
            tune.with_parameters(_train, train=what.train, steps=what.rules.steps), _placed(what.resources)
        ),
        tune_config=tune.TuneConfig(search_alg=searcher, scheduler=scheduler, num_samples=trials),
        run_config=tune.RunConfig(
            name=f"from-{len(before)}",
            storage_path=str(logs.absolute()),
            callbacks=[TBXLoggerCallback(), *callbacks],  # type: ignore[no-untyped-call]
            verbose=0,
            stop=_TimeIsUp(budget),
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
        ),
    )
    try:
        tuner.fit()
    except BaseException:
        searcher.last_ending = Ending("interrupted", INTERRUPTED[1])
        raise
    finally:
        searcher.finish()


def _unchanged_number(what: TrialSearch, study: optuna.Study) -> int | None:
    """The number of the next trial if it is to change nothing, as none that ended did."""
    if what.start or any(not changes_of(trial) for trial in ended(study)):
        return None
    return len(study.get_trials(deepcopy=False))


def _suggest(what: TrialSearch, unchanged: int | None, trial: optuna.Trial) -> dict[str, Any]:
    return {CHANGES: {} if trial.number == unchanged else what.space(trial)}


def _train(config: dict[str, Any], train: TrialFunction, steps: int) -> None:
    """What runs in the process of a trial."""

    def report(step: int, score: float) -> None:
        tune.report({STEP: step, SCORE: score})

    score, value = train(config[NUMBER], config[CHANGES], report)
    tune.report({STEP: steps, SCORE: score, VALUE: value})


class _TimeIsUp(tune.Stopper):
    """Stops what still runs when the time of trials is over."""

    def __init__(self, budget: TrialBudget) -> None:
        self._budget = budget

    def __getstate__(self) -> dict[str, Any]:
        """Keeps nothing, as the searcher does."""
        return {}

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Stops no trial alone."""
        return False

    def stop_all(self) -> bool:
        """Whether the time is over."""
        return self._budget.is_over()


def _placed(resources: Resources) -> tune.PlacementGroupFactory:
    return tune.PlacementGroupFactory([ray_resources(resources)])


def _curve(trial: FrozenTrial) -> tuple[Mapping[int, float], bool]:
    return trial.intermediate_values, trial.state == TrialState.COMPLETE
