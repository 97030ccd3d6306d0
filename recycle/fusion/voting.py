"""Voting on the class of each pixel: by the mean of probabilities (soft) or the majority of labels (hard).

Ties go to the class that comes first. A model has no vote on images that it did not predict.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from recycle.errors import DataError, RecipeError
from recycle.predictions.probabilities import CERTAIN, Bytes, ImageProbabilities
from recycle.recipe.voting import VotingMethod

LabelMap = npt.NDArray[np.uint8]
Shares = npt.NDArray[np.float32]
"""Shape (classes, height, width): each class's share of the votes, 0 to 1."""

METHOD = "method"


@dataclass(frozen=True)
class VotingSettings:
    """How models vote.

    Attributes:
        method: "soft" or "hard".
        weights: One for each model, in their order; equal ones if there are none. A weight of 0 leaves a model out.

    Raises:
        RecipeError: If there is no such method, or the weights are negative or all 0.
    """

    method: VotingMethod = "soft"
    weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Refuses what cannot be voted by."""
        if self.method not in get_args(VotingMethod):
            raise RecipeError(f"method must be one of {', '.join(get_args(VotingMethod))}, but got {self.method!r}.")
        if self.weights and (min(self.weights) < 0 or not np.isfinite(self.weights).all() or not any(self.weights)):
            raise RecipeError(f"weights must be from 0 and not all 0, but got weights={self.weights}.")

    def weight_of(self, models: Sequence[str]) -> dict[str, float]:
        """Returns the weight of each model.

        Raises:
            RecipeError: If there are weights, but not one for each model.
        """
        weights = self.weights or (1.0,) * len(models)
        if len(weights) != len(models):
            raise RecipeError(f"weights must be one for each of {len(models)} models, but got weights={weights}.")
        return dict(zip(models, weights, strict=True))


def vote(votes: Sequence[Bytes], weights: Sequence[float], method: VotingMethod) -> Shares:
    """Gives each class its share of the votes of models on one image.

    Args:
        votes: (classes, height, width) probabilities times 255 of each model.
        weights: One for each model.
        method: How they vote.

    Raises:
        DataError: If no model with a weight votes, or shapes differ.
    """
    chosen = [(one, weight) for one, weight in zip(votes, weights, strict=True) if weight > 0]
    if not chosen:
        raise DataError("at least one model of a weight above 0 must have predicted an image")
    if len({one.shape for one, _ in chosen}) > 1:
        raise DataError(f"models must agree on classes and size, but got {sorted({one.shape for one, _ in chosen})}")
    total = np.zeros(chosen[0][0].shape, np.float32)
    for one, weight in chosen:
        total += np.float32(weight) * (_ballots(one) if method == "hard" else one)
    scale = sum(weight for _, weight in chosen) * (1 if method == "hard" else CERTAIN)
    return total / np.float32(scale)


def vote_on_labels(maps: Sequence[LabelMap], weights: Sequence[float]) -> LabelMap:
    """The label of most weight at each pixel, as hard voting has it.

    Args:
        maps: (height, width) labels of each voter.
        weights: One for each of them.

    Raises:
        DataError: If shapes differ.
    """
    if len({one.shape for one in maps}) > 1:
        raise DataError(f"label maps must have one size, but got {sorted({one.shape for one in maps})}")
    labels = np.unique(np.stack(maps))
    tallies = [
        np.sum([weight * (one == label) for one, weight in zip(maps, weights, strict=True)], axis=0) for label in labels
    ]
    return np.asarray(labels[np.argmax(tallies, axis=0)], np.uint8)


def labels_of_shares(shares: npt.NDArray[Any]) -> LabelMap:
    """The class of the largest share at each pixel, of (classes, height, width)."""
    return np.asarray(shares.argmax(axis=0), np.uint8)


def fuse_image(models: Mapping[str, ImageProbabilities], image_id: int, settings: VotingSettings) -> Shares | None:
    """What the models that predicted an image vote; None if none of a weight above 0 did."""
    weights = settings.weight_of(tuple(models))
    voters = [name for name, images in models.items() if image_id in images and weights[name] > 0]
    if not voters:
        return None
    return vote([models[name][image_id] for name in voters], [weights[name] for name in voters], settings.method)


def _ballots(probabilities: Bytes) -> Bytes:
    """A 1 for the most probable class of each pixel, the first of equals."""
    ballots = np.zeros_like(probabilities)
    np.put_along_axis(ballots, probabilities.argmax(axis=0)[None], 1, axis=0)
    return ballots
