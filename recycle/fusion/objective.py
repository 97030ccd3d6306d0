"""What a search over the settings of an ensemble climbs."""

from collections.abc import Collection
from typing import Protocol

import numpy as np
import numpy.typing as npt

from recycle.data.coco import Dataset
from recycle.data.folds import Folds
from recycle.evaluation.fast import MapScorer
from recycle.fusion.calibration import calibrated_out_of_fold
from recycle.fusion.methods import fuse_grouped_by
from recycle.fusion.settings import Calibration, EnsembleSettings
from recycle.fusion.wbf_columns import Grouped, group
from recycle.predictions.values import Predictions
from recycle.recipe.fusion import Metric


class Objective(Protocol):
    """Scores settings, in this process or elsewhere."""

    def __call__(self, settings: EnsembleSettings) -> float:
        """Returns the score from 0 to 1."""

    @property
    def models(self) -> tuple[str, ...]:
        """The models in the order of the weights."""


class FusionObjective:
    """The out-of-fold score of an ensemble as a function of its settings; boxes and truth are made ready once.

    It pickles as its arguments, so that processes share the columns of the predictions where they can (as Ray's object
    store lets them) and each makes its own boxes ready.

    Args:
        predictions: Out-of-fold predictions of all models that may be fused; images count that any model covers.
        truth: The data set, which may hold further images.
        folds: The fold of each of its images: no image's scores are calibrated by what its own fold tells.
        metric: The score.

    Raises:
        DataError: If predictions and truth do not fit, see `group` and `MapScorer`.
    """

    def __init__(self, predictions: Predictions, truth: Dataset, folds: Folds, metric: Metric = "map50") -> None:
        self.predictions = predictions
        self.truth = truth
        self.folds = folds
        self.metric: Metric = metric
        self._scorer = MapScorer(truth, predictions.covered, metric)
        sizes = {image.id: (image.width, image.height) for image in truth.images}
        self._grouped: dict[Calibration, Grouped] = {"none": group(predictions, sizes)}

    def __reduce__(self) -> tuple[type["FusionObjective"], tuple[Predictions, Dataset, Folds, Metric]]:
        """Pickles the arguments alone."""
        return FusionObjective, (self.predictions, self.truth, self.folds, self.metric)

    def __call__(self, settings: EnsembleSettings) -> float:
        """Returns the score from 0 to 1.

        Raises:
            RecipeError: If the settings do not fit the models.
            DataError: If a label is not that of a class.
        """
        return self._scorer.score(self.fused(settings))

    @property
    def models(self) -> tuple[str, ...]:
        """The models in the order of the weights."""
        return self.predictions.models

    def fused(self, settings: EnsembleSettings, name: str = "fused") -> Predictions:
        """Returns the ensemble's out-of-fold predictions.

        Args:
            settings: How to fuse.
            name: What the fused model is called.

        Raises:
            RecipeError: If the settings do not fit the models.
        """
        return fuse_grouped_by(self._calibrated(settings.calibration), settings.fusion, name)

    def on(self, image_ids: Collection[int] | npt.NDArray[np.int64]) -> "FusionObjective":
        """Returns the objective on some images, which learns nothing from the others."""
        return FusionObjective(self.predictions.of_images(image_ids), self.truth, self.folds, self.metric)

    def _calibrated(self, calibration: Calibration) -> Grouped:
        if calibration not in self._grouped:
            scores = calibrated_out_of_fold(self.predictions, self.truth, self.folds, calibration).scores
            self._grouped[calibration] = self._grouped["none"].with_scores(scores)
        return self._grouped[calibration]
