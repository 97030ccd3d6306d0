"""What an ensemble that labels pixels gains when one more model joins it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from recycle.data.coco import Dataset
from recycle.data.folds import Folds
from recycle.data.label_maps import label_maps
from recycle.errors import DataError
from recycle.fusion.joining import CANDIDATE
from recycle.fusion.voting import VotingSettings
from recycle.fusion.voting_objective import VotingObjective
from recycle.predictions.probabilities import ImageProbabilities, by_image, read_probabilities


@dataclass(frozen=True)
class PixelJoiningGain:
    """Scores candidates by what an ensemble gains on the images that they cover.

    The candidate gets the mean weight of the models in use. All is read where it is needed, so that processes of
    trials are sent no pixels.

    Attributes:
        files: Files of out-of-fold probabilities by model.
        truth: The data set.
        folds: Its folds.
        settings: How the ensemble votes.
    """

    files: Mapping[str, Sequence[Path]]
    truth: Dataset
    folds: Folds
    settings: VotingSettings

    def __call__(self, candidate: Path) -> float:
        """Returns the ensemble's mIoU with the candidate less that without.

        Args:
            candidate: File of the candidate's probabilities.

        Raises:
            DataError: If the ensemble has predicted none of the candidate's images, or a file cannot be read.
        """
        predictions = read_probabilities(candidate)
        joining = by_image([predictions])
        models = {name: self._on(name, joining) for name in self.files}
        if not any(models.values()):
            raise DataError("the ensemble has predicted none of the images that the candidate was scored on")
        truth = {image.id: labels for image, labels in label_maps(self.truth.subset(joining), predictions.size)}
        fold_of = {image.id: self.folds.assignment[image.file_name] for image in self.truth.images}
        objective = VotingObjective.of({**models, CANDIDATE: joining}, truth, fold_of)
        weights = list(self.settings.weight_of(tuple(self.files)).values())
        method, mean = self.settings.method, fmean(weight for weight in weights if weight > 0)
        with_candidate = objective(VotingSettings(method, (*weights, mean)))
        return with_candidate - objective(VotingSettings(method, (*weights, 0.0)))

    def _on(self, model: str, images: ImageProbabilities) -> ImageProbabilities:
        opened = by_image([read_probabilities(file) for file in self.files[model]])
        return {image_id: values for image_id, values in opened.items() if image_id in images}
