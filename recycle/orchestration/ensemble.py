"""The best ensemble of a run's models, searched on the cluster, and what is known of it."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import ray

from recycle.evaluation.agreement import Agreement, agreement
from recycle.evaluation.comparison import Comparator
from recycle.evaluation.matching import match
from recycle.fusion.contributions import grow, leave_one_out
from recycle.fusion.countdown import Countdown
from recycle.fusion.nested import SELECTION_PART, FoldEstimate, estimate_fold, folds_to_estimate
from recycle.fusion.objective import FusionObjective
from recycle.fusion.response import respond
from recycle.fusion.selection import Selection, select_greedily
from recycle.fusion.settings import DEFAULTS, HAND_TUNED, EnsembleSettings, parameters_of, settings_of
from recycle.orchestration.cluster import cluster_resources, largest_node_cpus
from recycle.orchestration.search import Parameters, Search, SearchTrial, search, seconds_a_fold
from recycle.orchestration.sharded_objective import ShardedObjective
from recycle.predictions.values import Predictions, concatenate
from recycle.recipe import Fusion
from recycle.report.ensemble import DEFAULT_FUSION, TUNED_FUSION, EnsembleStudy, Worth, standing_fusion
from search_spaces.fusion import space

SEARCH_PART = 0.5
"""Of the time there is, with the selection; the rest is for the nested estimate, which repeats both for each fold."""

Tell = Callable[[str], None]


@dataclass(frozen=True)
class EnsembleTask:
    """What `find_ensemble` is to do.

    Attributes:
        objective: Scores settings on out-of-fold predictions.
        group_of: Near-duplicate group of each image, by its id.
        fusion: What the recipe says about the search.
        seed: Of all draws.
        journal: Optuna's journal; a search that it holds is continued.
        time_budget_s: Ends search and nested estimate after about so many seconds; None lets them try all they should.
    """

    objective: FusionObjective
    group_of: Mapping[int, int]
    fusion: Fusion
    seed: int
    journal: Path
    time_budget_s: float | None = None


@dataclass(frozen=True, eq=False)
class FoundEnsemble:
    """What `find_ensemble` found.

    Attributes:
        settings: The best settings, which are the defaults where tuning does harm.
        study: What is known of them.
        estimates: What was found without each fold's images.
        standing: What of that, or of the defaults, stands; which of them does is told by the images of all folds.
    """

    settings: EnsembleSettings
    study: EnsembleStudy
    estimates: Sequence[FoldEstimate]
    standing: Sequence[FoldEstimate]


class SettingsScore:
    """Scores parameters as the search suggests them; goes to each worker once."""

    def __init__(self, objective: FusionObjective) -> None:
        self._objective = objective

    def __call__(self, parameters: Parameters) -> float:
        """Returns the out-of-fold score."""
        return self._objective(settings_of(parameters, self._objective.models))


def find_ensemble(task: EnsembleTask, tell: Tell) -> FoundEnsemble:
    """Selects models, searches settings with Ray Tune and Optuna, and finds out what the result is worth and why.

    Args:
        task: What to do.
        tell: Takes lines about what is going on.
    """
    task.objective.calibrate()
    shared = ray.put(task.objective)
    models = task.objective.models
    tell(f"Selecting among {len(models)} models, one by one")
    countdown = Countdown(task.time_budget_s and task.time_budget_s * SEARCH_PART)
    selection = _select(task, shared, countdown.left(SELECTION_PART))
    trials = _search(task, selection, countdown.left(), tell)
    best = max(trials, key=lambda trial: trial.score)  # the first of equals
    tuned = settings_of(best.parameters, models)
    tell("Finding out what the ensemble is worth, and what each model does for it")
    estimates = _estimate(task, shared, len(trials))
    held_out: Worth = ray.get(_start(_rate_held_out, shared, estimates, task.group_of, task.seed, cpus=1))
    settings, standing = tuned, estimates
    if standing_fusion(held_out) != TUNED_FUSION:
        settings, standing = DEFAULTS, [_by_default(task.objective, one) for one in estimates]
    study = _study(task, shared, selection, trials, held_out, tuned, settings)
    return FoundEnsemble(settings, study, estimates, standing)


def _select(task: EnsembleTask, shared: "ray.ObjectRef[FusionObjective]", time_budget_s: float | None) -> Selection:
    """Selects on all nodes where there are several; one process has no messages to wait for."""
    cores, one = int(cluster_resources()["CPU"]), task.objective
    if cores == largest_node_cpus():
        selection: Selection = ray.get(_start(select_greedily, shared, DEFAULTS, time_budget_s, cpus=cores))
        return selection
    with closing(ShardedObjective(one.predictions, one.truth, one.folds, one.metric, cores)) as sharded:
        return select_greedily(sharded, time_budget_s=time_budget_s)


def _search(
    task: EnsembleTask, selection: Selection, time_budget_s: float | None, tell: Tell
) -> tuple[SearchTrial, ...]:
    models = task.objective.models
    what = Search(
        name=_name_of(task),
        score=SettingsScore(task.objective),
        space=_space(task),
        start=[parameters_of(start, models) for start in (DEFAULTS, selection.settings, HAND_TUNED)],
        seed=task.seed,
    )
    return search(what, task.journal, trials=task.fusion.trials, time_budget_s=time_budget_s, tell=tell)


def _estimate(task: EnsembleTask, shared: "ray.ObjectRef[FusionObjective]", trials: int) -> list[FoldEstimate]:
    folds = folds_to_estimate(task.objective)
    seconds = seconds_a_fold(task.time_budget_s and task.time_budget_s * (1 - SEARCH_PART), len(folds))
    cpus = max(1, largest_node_cpus() // len(folds))
    estimates: list[FoldEstimate] = ray.get(
        [_start(estimate_fold, shared, _space(task), fold, trials, task.seed, seconds, cpus=cpus) for fold in folds]
    )
    return estimates


def _by_default(objective: FusionObjective, tuned: FoldEstimate) -> FoldEstimate:
    """The same fold's images, fused by the defaults."""
    images = tuned.fused.covered
    return FoldEstimate(
        tuned.fold, DEFAULTS, objective.on(images)(DEFAULTS), objective.fused(DEFAULTS).of_images(images)
    )


def _study(
    task: EnsembleTask,
    shared: "ray.ObjectRef[FusionObjective]",
    selection: Selection,
    trials: tuple[SearchTrial, ...],
    held_out: Worth,
    tuned: EnsembleSettings,
    settings: EnsembleSettings,
) -> EnsembleStudy:
    cpus = max(1, largest_node_cpus() // 5)
    parts = {
        "leave_one_out": _start(leave_one_out, shared, settings, cpus=cpus),
        "growth": _start(grow, shared, settings, task.seed, cpus=cpus),
        "responses": _start(respond, shared, settings, cpus=cpus),
        "agreement": _start(_agreement, shared, cpus=cpus),
        "pooled": _start(_rate_pooled, shared, tuned, task.group_of, task.seed, cpus=cpus),
    }
    return EnsembleStudy(
        metric=task.fusion.metric,
        parameters=parameters_of(settings, task.objective.models),
        trials=[{**trial.parameters, "score": trial.score} for trial in trials],
        selection=selection,
        held_out=held_out,
        **{name: ray.get(part) for name, part in parts.items()},
    )


def _agreement(objective: FusionObjective) -> Agreement:
    predictions = objective.predictions
    return agreement({name: match(predictions.of_model(name), objective.truth) for name in objective.models})


def _rate_pooled(
    objective: FusionObjective, settings: EnsembleSettings, group_of: Mapping[int, int], seed: int
) -> Worth:
    fusions = {DEFAULT_FUSION: objective.fused(DEFAULTS), TUNED_FUSION: objective.fused(settings)}
    return _rate(objective, fusions, [objective.predictions.covered], group_of, seed)


def _rate_held_out(
    objective: FusionObjective, estimates: Sequence[FoldEstimate], group_of: Mapping[int, int], seed: int
) -> Worth:
    held_out = concatenate([estimate.fused for estimate in estimates])
    fusions = {DEFAULT_FUSION: objective.fused(DEFAULTS), TUNED_FUSION: held_out}
    return _rate(objective, fusions, [estimate.fused.covered for estimate in estimates], group_of, seed)


def _rate(
    objective: FusionObjective,
    fusions: Mapping[str, Predictions],
    parts: Sequence[npt.NDArray[np.int64]],
    group_of: Mapping[int, int],
    seed: int,
) -> Worth:
    comparator = Comparator(objective.truth, group_of, parts, objective.metric, seed)
    for model in objective.models:
        comparator.add(model, objective.predictions.of_model(model))
    for name, predictions in fusions.items():
        comparator.add(name, predictions)
    pairs = [(TUNED_FUSION, DEFAULT_FUSION), *((name, model) for name in fusions for model in objective.models)]
    return Worth(comparator.rate(), comparator.compare(pairs))


def _space(task: EnsembleTask) -> Callable[[Any], dict[str, Any]]:
    return partial(space, models=task.objective.models, methods=task.fusion.methods)


def _name_of(task: EnsembleTask) -> str:
    """Names a search by all that its scores depend on, so that no other continues it."""
    content = repr((task.fusion.methods, task.seed)).encode()
    return f"fusion-{hashlib.blake2b(task.objective.digest() + content, digest_size=8).hexdigest()}"


def _start(function: Callable[..., Any], *arguments: Any, cpus: int) -> Any:  # noqa: ANN401 - ray's references
    """Starts a function on the cluster, on so many cores."""
    return ray.remote(num_cpus=cpus)(_on_cores).remote(cpus, function, *arguments)


def _on_cores(cpus: int, function: Callable[..., Any], *arguments: Any) -> Any:  # noqa: ANN401 - what the function gives
    numba.set_num_threads(min(cpus, numba.config.NUMBA_NUM_THREADS))
    return function(*arguments)
