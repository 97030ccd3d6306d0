"""Rounds on drawn runs: trainings that draw what a network of some quality would predict, and ensembles without Ray."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from recycle.data.coco import Dataset
from recycle.data.prepare import PreparedData, read_prepared
from recycle.fusion.ensemble import MemberPredictions, fuse_ensemble, fuse_members, pool_out_of_fold
from recycle.fusion.nested import estimate_fold
from recycle.fusion.objective import FusionObjective
from recycle.fusion.settings import DEFAULTS
from recycle.orchestration.ensemble import FoundEnsemble
from recycle.orchestration.finish import FusedRun, TrainedRun
from recycle.orchestration.ledger import FinishedMember, read_ledger
from recycle.paths import RunPaths
from recycle.predictions.parquet import read_parquet, write_parquet
from recycle.predictions.values import Predictions
from recycle.recipe_yaml import load_recipe
from recycle.training.member import MemberPlan
from search_spaces.fusion import space
from tests.orchestration.drawn_runs import made_up_study, noisy

Draw = Callable[[Dataset, str, int], Predictions]
"""Predictions of images under a model's name, by a seed."""


def fair(truth: Dataset, name: str, seed: int) -> Predictions:
    """What a fair detector finds."""
    return noisy(truth, name, seed, pixels=6.0)


def good(truth: Dataset, name: str, seed: int) -> Predictions:
    """What a good detector finds."""
    return noisy(truth, name, seed, pixels=0.5)


def poisoned(truth: Dataset, name: str, seed: int) -> Predictions:
    """What a detector finds that learned shuffled classes, and is sure of."""
    found = good(truth, name, seed)
    labels = np.random.default_rng(seed).permutation(found.labels)
    return replace(found, labels=labels, scores=np.sqrt(found.scores))


class Trainer:
    """Trains members by drawing what they predict, and counts them."""

    def __init__(self, draw: Draw, paths: RunPaths) -> None:
        self.trained: list[MemberPlan] = []
        self._draw, self._paths = draw, paths
        self._finished: dict[str, FinishedMember] = {}

    def predict(self, images: Dataset, model: str, seed: int, path: Path) -> None:
        """Writes what a member predicts."""
        write_parquet(self._draw(images, model, seed), path)

    def __call__(self, plans: Sequence[MemberPlan]) -> tuple[list[FinishedMember], dict[str, str]]:
        """As the run trains: what is finished is not trained again."""
        for plan in plans:
            if plan.key not in self._finished:
                self._finished[plan.key] = self._train(plan)
                self.trained.append(plan)
        return [self._finished[plan.key] for plan in plans], {}

    def _train(self, plan: MemberPlan) -> FinishedMember:
        prepared = prepared_of(self._paths)
        seed = int(plan.seed % 1000)
        assert plan.oof is not None
        self.predict(fold_part(prepared, plan.fold), plan.settings.name, seed, plan.oof)
        self.predict(prepared.test, plan.settings.name, seed + 1, plan.test)
        oof, test = (str(path.relative_to(self._paths.root.absolute())) for path in (plan.oof, plan.test))
        return FinishedMember(
            plan.key, plan.round_index, plan.name, plan.settings.name, plan.fold, oof, test, "nowhere", 60.0, 1, "here"
        )


def prepared_of(paths: RunPaths) -> PreparedData:
    return read_prepared(paths.sample, paths)


def fold_part(prepared: PreparedData, fold: int | str) -> Dataset:
    """The images of a fold."""
    folds = prepared.folds.assignment
    return prepared.train.subset(image.id for image in prepared.train.images if folds[image.file_name] == fold)


def trained_run(paths: RunPaths) -> TrainedRun:
    """A drawn run as it is before its models are fused."""
    recipe = load_recipe(str(paths.recipe.absolute()))
    return TrainedRun(recipe, prepared_of(paths), read_ledger(paths.ledger), {}, paths)


def fused_run(run: TrainedRun) -> FusedRun:
    """Fuses a run by the defaults, and estimates it fold by fold, in this process."""
    root = run.paths.root
    members = [
        MemberPredictions(one.member, one.model, read_parquet(root / str(one.oof)), read_parquet(root / one.test))
        for one in run.members
    ]
    oof, prepared = pool_out_of_fold(members), run.prepared
    objective = FusionObjective(oof, prepared.train, prepared.folds)
    choices = partial(space, models=oof.models)
    estimates = [estimate_fold(objective, choices, fold, 3, 0) for fold in range(prepared.folds.count)]
    test = fuse_members(members, oof.models, prepared.test)
    ensemble = fuse_ensemble(oof, test, prepared.train, prepared.test, prepared.folds, DEFAULTS)
    found = FoundEnsemble(DEFAULTS, made_up_study(oof.models), estimates, estimates)
    return FusedRun(run, members, objective, found, ensemble)
