"""The best votes of a run's models, searched on the cluster, and what they are worth."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numba
import numpy as np
import ray

from recycle.evaluation.segmentation import PixelCounts, SegmentationComparator, join_counts
from recycle.fusion.pixel_ensemble import VotesEstimate, count_fused, estimate_votes, leave_one_model_out
from recycle.fusion.voting import VotingSettings
from recycle.fusion.voting_objective import LabelMap, VotingObjective, parameters_of_voting, voting_of
from recycle.orchestration.search import Parameters, Search, search, seconds_a_fold
from recycle.predictions.probabilities import ImageProbabilities
from recycle.recipe import Voting
from recycle.report.ensemble import DEFAULT_FUSION, TUNED_FUSION, Worth, standing_fusion
from search_spaces.voting import space

SEARCH_PART = 0.5
"""Of the time there is; the rest is for the nested estimate."""


@dataclass(frozen=True)
class VotingTask:
    """What `find_votes` is to do.

    Attributes:
        models: Out-of-fold predictions of each model.
        truth: Label map of each training image.
        fold_of: Fold of each training image.
        group_of: Near-duplicate group of each training image.
        voting: What the recipe says about the search.
        seed: Of all draws.
        journal: Optuna's journal; a search that it holds is continued.
        time_budget_s: Ends search and nested estimate after about so many seconds; None lets them try all they should.
    """

    models: Mapping[str, ImageProbabilities]
    truth: Mapping[int, LabelMap]
    fold_of: Mapping[int, int]
    group_of: Mapping[int, int]
    voting: Voting
    seed: int
    journal: Path
    time_budget_s: float | None = None


@dataclass(frozen=True)
class FoundVotes:
    """What `find_votes` found.

    Attributes:
        settings: The best settings, which are the defaults where tuning does harm.
        fusion: The name of the vote by them.
        trials: Every setting that was tried, in order: its parameters, and "score".
        counts: Pixels of each model, and of the default and the tuned vote, on all images and all pixels.
        pooled: Models and votes on all images.
        held_out: The same, each fold's images voted on with settings tuned on the other folds'.
        leave_one_out: By how much the score exceeds that without each model.
        estimates: For each fold the settings that were tuned on the other folds' images, and what they come to on its
            own, on the search's grid of pixels.
    """

    settings: VotingSettings
    fusion: str
    trials: list[dict[str, Any]]
    counts: Mapping[str, PixelCounts]
    pooled: Worth
    held_out: Worth
    leave_one_out: Mapping[str, float]
    estimates: Sequence[VotesEstimate]


class VotingScore:
    """Scores parameters as the search suggests them; goes to each worker once."""

    def __init__(self, objective: VotingObjective) -> None:
        self._objective = objective

    def __call__(self, parameters: Parameters) -> float:
        """Returns the out-of-fold mIoU."""
        return self._objective(voting_of(parameters, self._objective.models))


def find_votes(task: VotingTask, tell: Callable[[str], None]) -> FoundVotes:
    """Searches weights and method with Ray Tune and Optuna, and finds out what the result is worth.

    Args:
        task: What to do.
        tell: Takes lines about what is going on.
    """
    objective = VotingObjective.of(task.models, task.truth, task.fold_of)
    start = [VotingSettings(method) for method in task.voting.methods]
    what = Search(
        name=_name_of(objective, task),
        score=VotingScore(objective),
        space=_space(task),
        start=[parameters_of_voting(one, objective.models) for one in start],
        seed=task.seed,
    )
    time_budget_s = task.time_budget_s and task.time_budget_s * SEARCH_PART
    trials = search(what, task.journal, trials=task.voting.trials, time_budget_s=time_budget_s, tell=tell)
    tuned = voting_of(max(trials, key=lambda trial: trial.score).parameters, objective.models)
    tell("Finding out what the votes are worth, and what each model does for them")
    estimates = _estimate(task, objective, start, len(trials))
    held_out = _rate(task, objective, _held_out(objective, start[0], estimates), held_out=True)
    fusions, fusion = {DEFAULT_FUSION: start[0], TUNED_FUSION: tuned}, standing_fusion(held_out)
    counts = {name: count_fused({name: images}, task.truth, VotingSettings()) for name, images in task.models.items()}
    counts |= {name: count_fused(task.models, task.truth, one) for name, one in fusions.items()}
    return FoundVotes(
        settings=fusions[fusion],
        fusion=fusion,
        trials=[{**trial.parameters, "score": trial.score} for trial in trials],
        counts=counts,
        pooled=_rate(task, objective, counts, held_out=False),
        held_out=held_out,
        leave_one_out=leave_one_model_out(objective, fusions[fusion]),
        estimates=estimates,
    )


def _estimate(
    task: VotingTask, objective: VotingObjective, start: list[VotingSettings], trials: int
) -> list[VotesEstimate]:
    shared, on_core = ray.put(objective), ray.remote(num_cpus=1)(_on_one_core)
    folds = np.unique(objective.folds).tolist()
    seconds = seconds_a_fold(task.time_budget_s and task.time_budget_s * (1 - SEARCH_PART), len(folds))
    estimates: list[VotesEstimate] = ray.get(
        [
            on_core.remote(estimate_votes, shared, _space(task), start, fold, trials, task.seed, seconds)
            for fold in folds
        ]
    )
    return estimates


def _held_out(
    objective: VotingObjective, default: VotingSettings, estimates: Sequence[VotesEstimate]
) -> dict[str, PixelCounts]:
    """Counts on the search's grid of pixels, those of the tuned vote by settings that never saw the fold."""
    models = objective.models
    alone = {name: VotingSettings("soft", tuple(float(other == name) for other in models)) for name in models}
    return {
        **{name: objective.counts(settings) for name, settings in alone.items()},
        DEFAULT_FUSION: objective.counts(default),
        TUNED_FUSION: join_counts([one.counts for one in estimates]),
    }


def _rate(task: VotingTask, objective: VotingObjective, counts: Mapping[str, PixelCounts], *, held_out: bool) -> Worth:
    ids, folds = objective.image_ids, objective.folds
    parts = [ids[folds == fold] for fold in np.unique(folds)] if held_out else [ids]
    comparator = SegmentationComparator(task.group_of, parts, task.seed)
    for name, one in counts.items():
        comparator.add(name, one)
    fusions = (DEFAULT_FUSION, TUNED_FUSION)
    pairs = [(TUNED_FUSION, DEFAULT_FUSION), *((name, model) for name in fusions for model in objective.models)]
    return Worth(comparator.rate(), comparator.compare(pairs))


def _space(task: VotingTask) -> Callable[[Any], dict[str, Any]]:
    return partial(space, models=tuple(task.models), methods=task.voting.methods)


def _name_of(objective: VotingObjective, task: VotingTask) -> str:
    """Names a search by all that its scores depend on, so that no other continues it."""
    content = repr((objective.models, task.voting.methods, task.seed)).encode()
    return f"voting-{hashlib.blake2b(objective.digest() + content, digest_size=8).hexdigest()}"


def _on_one_core(function: Callable[..., Any], *arguments: Any) -> Any:  # noqa: ANN401 - what the function gives
    numba.set_num_threads(1)
    return function(*arguments)
