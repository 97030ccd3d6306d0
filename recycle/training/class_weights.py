"""How much each class counts in the classification loss."""

from collections import Counter

import numpy as np

from recycle.data.coco import Dataset
from recycle.errors import RecipeError
from recycle.recipe import Losses

EFFECTIVE_NUMBER_BETA = 0.999
"""A class's further boxes count ever less, as if there were no more than 1000 different ones."""


def class_weights(losses: Losses, dataset: Dataset) -> tuple[float, ...] | None:
    """The weight of each class, in the order of the data set's categories.

    Args:
        losses: The recipe's losses.
        dataset: The training images.

    Returns:
        The weights; None where all classes count alike.

    Raises:
        RecipeError: If weights are given for a class that the data set does not have.
    """
    if losses.balance_classes:
        return _balanced(dataset)
    if not losses.class_weights:
        return None
    require_known_classes(losses, dataset)
    return tuple(losses.class_weights.get(name, 1.0) for name in dataset.class_names)


def require_known_classes(losses: Losses, dataset: Dataset) -> None:
    """Refuses weights of classes that a data set does not have.

    Raises:
        RecipeError: Names the class and those of the data set.
    """
    for name in losses.class_weights:
        if name not in dataset.class_names:
            raise RecipeError(
                f"losses.class_weights must name classes of the data set, {', '.join(dataset.class_names)}, "
                f"but got {name!r}"
            )


def _balanced(dataset: Dataset) -> tuple[float, ...]:
    """Inverse effective numbers of boxes (Cui et al., 2019), so scaled that the mean over all boxes is 1."""
    counts = Counter(annotation.category_id for annotation in dataset.annotations if not annotation.iscrowd)
    boxes = np.array([counts[category.id] for category in dataset.categories], dtype=np.float64)
    weights = (1 - EFFECTIVE_NUMBER_BETA) / (1 - EFFECTIVE_NUMBER_BETA ** np.maximum(boxes, 1))
    mean = np.average(weights, weights=boxes) if boxes.any() else weights.mean()
    return tuple(float(weight) for weight in weights / mean)
