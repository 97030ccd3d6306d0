"""Several models' out-of-fold predictions, drawn at random."""

from functools import cache

import numpy as np

from recycle.data.coco import Dataset
from recycle.data.folds import Folds
from recycle.fusion.objective import FusionObjective
from recycle.predictions.values import Predictions, concatenate
from tests.evaluation.scenes import random_predictions, random_truth

MODELS = ("good", "fair", "noise")


def alternating_folds(truth: Dataset, count: int = 2) -> Folds:
    assignment = {image.file_name: place % count for place, image in enumerate(truth.images)}
    return Folds(count, assignment, class_counts={}, rare_classes={})


def random_models(seed: int = 0, images: int = 24) -> tuple[Predictions, Dataset]:
    """A model that finds most objects, one that finds fewer, and one that was shown other images."""
    rng = np.random.default_rng(seed)
    truth, elsewhere = (random_truth(rng, boxes=5 * images, images=images) for _ in range(2))
    good = random_predictions(rng, truth, boxes=10 * images, name="good")
    fair = random_predictions(rng, truth, boxes=3 * images, name="fair")
    noise = random_predictions(rng, elsewhere, boxes=12 * images, name="noise")
    return concatenate([good, fair, noise]), truth


@cache
def random_objective(seed: int = 0) -> FusionObjective:
    predictions, truth = random_models(seed)
    return FusionObjective(predictions, truth, alternating_folds(truth))
