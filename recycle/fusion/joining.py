"""What an ensemble gains when one more model joins it."""

from dataclasses import dataclass
from statistics import fmean

from recycle.data.coco import Dataset
from recycle.data.folds import Folds
from recycle.errors import DataError
from recycle.fusion.objective import FusionObjective
from recycle.fusion.settings import EnsembleSettings
from recycle.predictions.values import Predictions, concatenate
from recycle.recipe import Metric

CANDIDATE = "(candidate)"
"""No model of a recipe can have this name."""


@dataclass(frozen=True)
class JoiningGain:
    """Scores candidates by what an ensemble gains on the images that they cover.

    Scores are fused as they are, as calibrating them would need the candidate's predictions of other folds; the
    candidate gets the mean weight of the models in use.

    Attributes:
        oof: Out-of-fold predictions of the ensemble's models.
        truth: The data set.
        folds: Its folds.
        settings: How the ensemble fuses.
        metric: What is scored.
    """

    oof: Predictions
    truth: Dataset
    folds: Folds
    settings: EnsembleSettings
    metric: Metric

    def __call__(self, candidate: Predictions) -> float:
        """Returns the ensemble's score with the candidate less that without.

        Raises:
            DataError: If the ensemble has predicted none of the candidate's images.
        """
        ensemble = self.oof.of_images(candidate.covered)
        if not len(ensemble.covered):
            raise DataError("the ensemble has predicted none of the images that the candidate was scored on")
        weights = self.settings.weight_of(self.oof.models)
        joining = {**weights, CANDIDATE: fmean(weight for weight in weights.values() if weight > 0)}
        joined = concatenate([ensemble, candidate.renamed(CANDIDATE)])
        return self._score(joined, joining) - self._score(ensemble, weights)

    def _score(self, predictions: Predictions, weights: dict[str, float]) -> float:
        settings = EnsembleSettings(self.settings.fusion).with_weights(weights, predictions.models)
        return FusionObjective(predictions, self.truth, self.folds, self.metric)(settings)
