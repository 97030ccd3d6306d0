"""Rounds on drawn runs that label pixels: trainings that draw what a network of some quality would predict."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from recycle.data.coco import Dataset
from recycle.data.json_files import write_json
from recycle.data.label_maps import label_maps, labels_of
from recycle.data.prepare import prepare_data, write_prepared
from recycle.data.synthetic import write_synthetic
from recycle.orchestration.finish import TrainedRun
from recycle.orchestration.ledger import FinishedMember, Ledger
from recycle.orchestration.plan import plan_members
from recycle.paths import RunPaths
from recycle.predictions.probabilities import to_bytes, writing_probabilities
from recycle.recipe import PseudoLabels, Recipe
from recycle.recipe_yaml import write_recipe
from recycle.training.member import MemberPlan
from tests.orchestration.drawn_rounds import Trainer, good

SIDE = 64
NETWORK = {"family": "smp", "image_size": 64, "label_map_size": SIDE, "epochs": 1, "batch_size": 2}
SKILLS = {"fair": 1.8, "good": 4.0}


class PixelTrainer(Trainer):
    """Trains members by drawing probabilities.

    Args:
        skill: How much each pixel's true class stands out.
        paths: The run folder.
        shift: By how many classes the truth is shifted that is learned.
    """

    def __init__(self, skill: float, paths: RunPaths, shift: int = 0) -> None:
        super().__init__(good, paths)
        self._skill, self._shift = skill, shift
        self._ledger = Ledger(paths.ledger)

    def __call__(self, plans: Sequence[MemberPlan]) -> tuple[list[FinishedMember], dict[str, str]]:
        """As the run trains: what is finished is in the ledger."""
        finished, failed = super().__call__(plans)
        for entry in finished:
            if self._ledger.finished(entry.key) is None:
                self._ledger.append(entry)
        return finished, failed

    def predict(self, images: Dataset, model: str, seed: int, path: Path) -> None:
        """Writes what a member predicts."""
        write_drawn_pixels(images, path, seed, self._skill, self._shift)


def write_drawn_pixels(images: Dataset, path: Path, seed: int, skill: float, shift: int = 0) -> None:
    """Writes probabilities of pixels that favour the truth over noise."""
    classes, rng = len(labels_of(images)), np.random.default_rng(seed)
    with writing_probabilities(path, len(images.images), classes, (SIDE, SIDE)) as writer:
        for image, labels in label_maps(images, (SIDE, SIDE)):
            learned = (labels.astype(np.int64) + shift) % classes
            scores = rng.normal(size=(classes, SIDE, SIDE)) + skill * (np.arange(classes)[:, None, None] == learned)
            powers = np.exp(2 * scores)
            writer.add([image.id], to_bytes(powers / powers.sum(axis=0))[None])


def recipe_of_pixels(models: Sequence[str], settings: PseudoLabels, rounds: int = 1) -> Recipe:
    """Networks that label pixels."""
    content = {
        "name": "drawn",
        "task": "segmentation",
        "rounds": rounds,
        "data": {"folds": 2, "test_fraction": 0.25},
        "models": [{"name": name, **NETWORK} for name in models],
        "voting": {"trials": 2},
        "pseudo_labels": settings.model_dump(mode="json"),
    }
    return Recipe.model_validate(content)


def drawn_pixel_run(root: Path, recipe: Recipe, *, images: int = 40) -> TrainedRun:
    """A run of fair models on drawn images, as it is before its models are fused."""
    paths = RunPaths(root)
    write_synthetic(paths.sample, images=images, image_size=96, seed=0)
    write_recipe(recipe, paths.recipe)
    prepared = prepare_data(recipe.data, recipe.seed, paths.sample, paths, recipe.task)
    write_prepared(prepared, paths)
    write_json({"data": "", "digest": prepared.digest}, paths.origin)
    plans = plan_members(recipe, paths, data_digest=prepared.digest)
    members, _ = PixelTrainer(SKILLS["fair"], paths)(plans)
    return TrainedRun(recipe, prepared, members, {}, paths)
