"""What a search over the votes of models climbs, and the parameters that it searches."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from recycle.errors import DataError
from recycle.evaluation.segmentation import PixelCounts, mean_iou
from recycle.fusion.settings import weight_parameter
from recycle.fusion.voting import METHOD, VotingSettings
from recycle.fusion.voting_kernel import count_votes
from recycle.predictions.probabilities import IGNORED, ImageProbabilities
from recycle.recipe.voting import VotingMethod

STRIDE = 4
"""Of the grid of pixels that a search looks at: a 16th of them tells settings apart as well as all of them do."""

LabelMap = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class VotingObjective:
    """The out-of-fold mIoU of an ensemble as a function of its votes, on a grid of pixels that is kept in memory.

    Attributes:
        models: Names of the models.
        image_ids: (n,) ids of the images that any model predicted.
        folds: (n,) their folds.
        votes: By method (n, models, classes, pixels): probabilities times 255, or a 1 for the most probable class; all
            0 where a model did not predict an image.
        voters: (n, models) whether a model predicted an image.
        truth: (n, pixels) labels.
    """

    models: tuple[str, ...]
    image_ids: npt.NDArray[np.int64]
    folds: npt.NDArray[np.int64]
    votes: Mapping[VotingMethod, npt.NDArray[np.uint8]]
    voters: npt.NDArray[np.bool_]
    truth: npt.NDArray[np.uint8]

    @classmethod
    def of(
        cls,
        models: Mapping[str, ImageProbabilities],
        truth: Mapping[int, LabelMap],
        fold_of: Mapping[int, int],
        stride: int = STRIDE,
    ) -> "VotingObjective":
        """The objective on predictions of models.

        Args:
            models: Out-of-fold predictions of each model by its name.
            truth: Label maps of the size of the predictions, by image id; those that no model predicted are left out.
            fold_of: The fold of each image by its id.
            stride: Every so many-th pixel of a row and a column counts.

        Raises:
            DataError: If there is no model, or classes or sizes differ.
        """
        ids = [image_id for image_id in truth if any(image_id in images for images in models.values())]
        soft = _sampled_votes(models, ids, stride)
        return cls(
            models=tuple(models),
            image_ids=np.array(ids, np.int64),
            folds=np.array([fold_of[image_id] for image_id in ids], np.int64),
            votes={"soft": soft, "hard": _ballots(soft)},
            voters=np.array([[image_id in images for images in models.values()] for image_id in ids], np.bool_),
            truth=np.stack([truth[image_id][::stride, ::stride].ravel() for image_id in ids]),
        )

    def __call__(self, settings: VotingSettings) -> float:
        """Returns the mIoU from 0 to 1.

        Raises:
            RecipeError: If there are weights, but not one for each model.
        """
        return mean_iou(self.counts(settings))

    def counts(self, settings: VotingSettings) -> PixelCounts:
        """Returns what the mIoU is made of, image by image."""
        weights = np.array(list(settings.weight_of(self.models).values()), np.float32)
        table = count_votes(self.votes[settings.method], weights, self.truth, IGNORED)
        voted = self.voters[:, weights > 0].any(axis=1)
        return PixelCounts(self.image_ids[voted], *(table[voted, column] for column in range(3)))

    def digest(self) -> bytes:
        """Digest of all votes and the truth."""
        content = hashlib.blake2b(digest_size=8)
        for column in (self.votes["soft"], self.truth, self.image_ids):
            content.update(np.ascontiguousarray(column).data)
        return content.digest()

    def on(self, rows: npt.NDArray[np.bool_]) -> "VotingObjective":
        """Returns the objective on some of its images, by a mask of shape (images,)."""
        return replace(
            self,
            image_ids=self.image_ids[rows],
            folds=self.folds[rows],
            votes={method: votes[rows] for method, votes in self.votes.items()},
            voters=self.voters[rows],
            truth=self.truth[rows],
        )


def voting_of(parameters: Mapping[str, Any], models: Sequence[str]) -> VotingSettings:
    """Makes settings of what `search_spaces.voting.space` suggests; weights that are all 0 mean equal ones."""
    weights = [float(parameters.get(weight_parameter(model), 1)) for model in models]
    is_equal = len(set(weights)) == 1
    return VotingSettings(parameters[METHOD], () if is_equal else tuple(weights))


def parameters_of_voting(settings: VotingSettings, models: Sequence[str]) -> dict[str, Any]:
    """Returns the parameters of which `voting_of` makes these settings."""
    weights = {weight_parameter(model): int(weight) for model, weight in settings.weight_of(models).items()}
    return {METHOD: settings.method, **(weights if len(models) > 1 else {})}


def _sampled_votes(
    models: Mapping[str, ImageProbabilities], image_ids: Sequence[int], stride: int
) -> npt.NDArray[np.uint8]:
    shapes = {one.shape for images in models.values() for one in images.values()}
    if len(shapes) != 1 or not image_ids:
        raise DataError(f"models must agree on classes and size, but got {sorted(shapes)} of {len(image_ids)} images")
    classes, height, width = next(iter(shapes))
    pixels = len(range(0, height, stride)) * len(range(0, width, stride))
    votes = np.zeros((len(image_ids), len(models), classes, pixels), np.uint8)
    for place, images in enumerate(models.values()):
        for row, image_id in enumerate(image_ids):
            if image_id in images:
                votes[row, place] = images[image_id][:, ::stride, ::stride].reshape(classes, -1)
    return votes


def _ballots(votes: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """A 1 for the most probable class of each pixel; none where a model did not predict the image."""
    ballots = np.zeros_like(votes)
    np.put_along_axis(ballots, votes.argmax(axis=2)[:, :, None], 1, axis=2)
    return ballots * votes.any(axis=(2, 3), keepdims=True)
