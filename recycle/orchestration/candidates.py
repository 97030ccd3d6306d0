"""The candidates of a training search as members to train, and what their predictions are worth."""

import os
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from recycle.data.folds import split_test
from recycle.data.prepare import READINGS
from recycle.orchestration.joining import Joining
from recycle.orchestration.plan import image_cache_name, plan_members
from recycle.orchestration.trials import ReportScore
from recycle.paths import RunPaths
from recycle.recipe import Model, Recipe, Task
from recycle.recipe.changes import model_named, shrunk, with_changes, with_model
from recycle.training.member import CHECKPOINT_SUFFIX, MemberPlan, TrainingData


@dataclass(frozen=True)
class CandidateTrial:
    """Trains one trial; goes to each of its processes.

    Attributes:
        recipe: The recipe of the search.
        model: Name of the searched model.
        data: What is trained on, by fold.
        digest: Digest of images, annotations and folds.
        paths: Folder of the search.
        joining: What an ensemble gains by a file of predictions; None where their own score counts.
    """

    recipe: Recipe
    model: str
    data: Mapping[int, TrainingData]
    digest: str
    paths: RunPaths
    joining: Joining | None

    def __call__(self, number: int, changes: Mapping[str, Any], report: ReportScore) -> tuple[float, float]:
        """Trains the trial and gives its score and its value."""
        plans = self.plans(number, changes)
        if not plans[0].settings.resources.num_gpus:
            os.environ["CUDA_VISIBLE_DEVICES"] = ""  # Ray hides GPUs only from those who ask for some
        # Only this process needs torch and the networks' libraries, which take seconds to import.
        from recycle.training.candidate import train_candidate  # noqa: PLC0415

        return train_candidate(plans, self.data, self.recipe.search_metric, self.joining, report)

    def plans(self, number: int, changes: Mapping[str, Any]) -> list[MemberPlan]:
        """The members of a trial, one a fold."""
        changed = model_named(with_changes(self.recipe, self.model, changes), self.model)
        small = shrunk(changed, self.recipe.search.small).model_copy(update={"folds": self.recipe.search.folds})
        return self._planned(self.recipe, small, self.paths.trial(number))

    def forget(self, number: int) -> None:
        """Removes the checkpoints of a trial: the best are trained anew at full size."""
        for checkpoint in self.paths.trial(number).root.rglob(f"*{CHECKPOINT_SUFFIX}"):
            checkpoint.unlink(missing_ok=True)

    def final_plans(self, name: str, changes: Mapping[str, Any], seed: int) -> list[MemberPlan]:
        """The members of a candidate at full size, one a fold; their names hold the seed, and decide their draws."""
        changed = model_named(with_changes(self.recipe, self.model, changes), self.model)
        full = changed.model_copy(update={"name": f"{name}-seed{seed}", "folds": self.recipe.search.folds})
        return self._planned(self.recipe, full, self.paths.finals)

    def _planned(self, recipe: Recipe, model: Model, paths: RunPaths) -> list[MemberPlan]:
        plans = plan_members(with_model(recipe, model), paths, data_digest=self.digest)
        return [replace(plan, cache_name=image_cache_name(self.paths)) for plan in plans]


def small_training_data(
    whole: TrainingData, groups: npt.NDArray[np.int64], task: Task, folds: Sequence[int], fraction: float, seed: int
) -> dict[int, TrainingData]:
    """What candidates are trained on, by fold: a stratified part of the other folds, and all images of the fold.

    Args:
        whole: What members at full size are trained on.
        groups: Near-duplicate group of each training image.
        task: What the images are annotated for.
        folds: The folds of the search.
        fraction: How much of the other folds' images.
        seed: Of the draw.
    """
    if fraction == 1:
        return dict.fromkeys(folds, whole)
    part = {image.id for image in split_test(READINGS[task].samples(whole.train), groups, fraction, seed)[1].images}
    return {fold: _with_part(whole, fold, part) for fold in folds}


def _with_part(data: TrainingData, fold: int, part: Container[int]) -> TrainingData:
    fold_of = data.folds.assignment
    kept = [image.id for image in data.train.images if image.id in part or fold_of[image.file_name] == fold]
    return replace(data, train=data.train.subset(kept))
