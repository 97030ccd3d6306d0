"""From the label probabilities of members to those of models and of the ensemble, image by image."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from recycle.evaluation.segmentation import PixelCounts, count_pixels
from recycle.fusion.tuning import Space, tune_parameters
from recycle.fusion.voting import Shares, VotingSettings, fuse_image, labels_of_shares
from recycle.fusion.voting_objective import VotingObjective, parameters_of_voting, voting_of
from recycle.predictions.probabilities import (
    Bytes,
    ImageProbabilities,
    Probabilities,
    by_image,
    read_probabilities,
    to_bytes,
    writing_probabilities,
)

LabelMap = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class MemberPixels:
    """What one member predicted.

    Attributes:
        member: The member's name.
        model: The model's name.
        oof: Predictions of the fold that it never saw; None of a member that was trained on all folds.
        test: Predictions of the test images.
    """

    member: str
    model: str
    oof: Probabilities | None
    test: Probabilities


@dataclass(frozen=True)
class VotesEstimate:
    """What was found without one fold's images, and how good it is on them.

    Attributes:
        fold: The fold that was held out.
        settings: The best settings on the other folds' images.
        counts: Pixels of the fold's images, voted on by these settings.
    """

    fold: int
    settings: VotingSettings
    counts: PixelCounts


def pool_pixels_out_of_fold(members: Sequence[MemberPixels]) -> dict[str, ImageProbabilities]:
    """Returns the out-of-fold predictions of each model, pooled over its members; nothing is read yet.

    Models whose members were all trained on all folds have none and are left out.

    Raises:
        DataError: If two members of one model predicted the same image.
    """
    models = dict.fromkeys(member.model for member in members if member.oof is not None)
    return {
        model: by_image([one.oof for one in members if one.model == model and one.oof is not None]) for model in models
    }


def model_test_votes(
    members: Sequence[MemberPixels], models: Sequence[str], image_ids: Sequence[int]
) -> Iterator[tuple[int, dict[str, ImageProbabilities]]]:
    """What each model predicts of test images: the mean of its members' probabilities.

    Args:
        members: Members of these and perhaps other models.
        models: Those that have out-of-fold predictions: the others could not be weighed.
        image_ids: The images.

    Yields:
        An image's id, and by model its probabilities times 255 under that id.
    """
    opened = {model: {one.member: by_image([one.test]) for one in members if one.model == model} for model in models}
    for image_id in image_ids:
        votes: dict[str, ImageProbabilities] = {}
        for model, own in opened.items():
            shares = fuse_image(own, image_id, VotingSettings())
            votes[model] = {} if shares is None else {image_id: to_bytes(shares)}
        yield image_id, votes


def count_fused(
    models: Mapping[str, ImageProbabilities], truth: Mapping[int, LabelMap], settings: VotingSettings
) -> PixelCounts:
    """Counts how the vote of models compares with the truth, on all pixels of images that a voter predicted."""

    def maps() -> Iterator[tuple[int, LabelMap, LabelMap]]:
        for image_id, labels in truth.items():
            shares = fuse_image(models, image_id, settings)
            if shares is not None:
                yield image_id, labels, labels_of_shares(shares)

    return count_pixels(maps(), _classes(models))


def write_fused(
    path: Path, fused: Iterator[tuple[int, Bytes]], images: int, shape: tuple[int, int, int]
) -> Probabilities:
    """Writes what an ensemble gives of each image, one at a time, and opens the file.

    Args:
        path: The file.
        fused: Ids of images and their probabilities times 255.
        images: How many there are.
        shape: Classes, height and width of each.
    """
    with writing_probabilities(path, images, shape[0], shape[1:]) as writer:
        for image_id, values in fused:
            writer.add([image_id], values[None])
    return read_probabilities(path)


def estimate_votes(
    objective: VotingObjective,
    space: Space,
    start: Sequence[VotingSettings],
    fold: int,
    trials: int,
    seed: int,
    time_budget_s: float | None = None,
) -> VotesEstimate:
    """Tunes on the images of all folds but one, and counts pixels of that one's images: an honest estimate.

    Args:
        objective: On the images of all folds.
        space: See `recycle.fusion.tuning.tune`.
        start: Settings that are tried first.
        fold: The fold to hold out.
        trials: How many settings are tried.
        seed: Of the search.
        time_budget_s: Ends the search earlier after so many seconds, but not before its first trial.
    """
    held_out = objective.folds == fold
    others, models = objective.on(~held_out), objective.models
    first = [parameters_of_voting(one, models) for one in start]
    tried = tune_parameters(lambda values: others(voting_of(values, models)), space, first, trials, seed, time_budget_s)
    best = max(tried, key=lambda one: one.score)
    settings = voting_of(best.parameters, models)
    return VotesEstimate(fold, settings, objective.on(held_out).counts(settings))


def vote_on_new_images(
    members: Sequence[MemberPixels], models: Sequence[str], settings: VotingSettings, image_ids: Sequence[int]
) -> Iterator[tuple[int, Shares]]:
    """What some members vote on new images, such as those of one fold, who never saw its images.

    Args:
        members: They, of these and perhaps other models.
        models: All models that have weights, in their order.
        settings: How to vote; where none of the members' models has a weight, they have equal ones.
        image_ids: The new images.

    Yields:
        An image's id, and each class's share of the votes.
    """
    weights = settings.weight_of(models)
    present = [name for name in models if any(member.model == name for member in members)]
    own = tuple(weights[name] for name in present)
    restricted = VotingSettings(settings.method, own if any(own) else ())
    for image_id, votes in model_test_votes(members, present, image_ids):
        shares = fuse_image(votes, image_id, restricted)
        assert shares is not None
        yield image_id, shares


def leave_one_model_out(objective: VotingObjective, settings: VotingSettings) -> dict[str, float]:
    """By how much the score exceeds that without each of the models that vote; none where only one does."""
    weights = settings.weight_of(objective.models)
    score = objective(settings)
    gains: dict[str, float] = {}
    for name, weight in weights.items():
        rest = tuple(0.0 if other == name else value for other, value in weights.items())
        if weight > 0 and any(rest):
            gains[name] = score - objective(VotingSettings(settings.method, rest))
    return gains


def _classes(models: Mapping[str, ImageProbabilities]) -> int:
    return next(int(one.shape[0]) for images in models.values() for one in images.values())
