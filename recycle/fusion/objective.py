"""What a search over the settings of an ensemble climbs."""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Protocol, get_args

import numpy as np
import numpy.typing as npt

from recycle.data.coco import Dataset
from recycle.data.folds import Folds
from recycle.evaluation.columns import truth_columns
from recycle.evaluation.fast import MapScorer
from recycle.fusion.calibration import calibrated_out_of_fold, folds_of
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

    It pickles as its arguments and the scores that are calibrated already, so that processes share columns where they
    can (as Ray's object store lets them) and each makes its own boxes ready.

    Args:
        predictions: Out-of-fold predictions of all models that may be fused; images count that any model covers.
        truth: The data set, which may hold further images.
        folds: The fold of each of its images: no image's scores are calibrated by what its own fold tells.
        metric: The score.
        calibrated: Scores of the predictions by kind of calibration, where they are known.

    Raises:
        DataError: If predictions and truth do not fit, see `group` and `MapScorer`.
    """

    def __init__(
        self,
        predictions: Predictions,
        truth: Dataset,
        folds: Folds,
        metric: Metric = "map50",
        calibrated: Mapping[Calibration, npt.NDArray[np.float32]] | None = None,
    ) -> None:
        self.predictions = predictions
        self.truth = truth
        self.folds = folds
        self.metric: Metric = metric
        self._scorer = MapScorer(truth, predictions.covered, metric)
        sizes = {image.id: (image.width, image.height) for image in truth.images}
        self._scores: dict[Calibration, npt.NDArray[np.float32]] = {"none": predictions.scores, **(calibrated or {})}
        self._grouped: dict[Calibration, Grouped] = {"none": group(predictions, sizes)}

    def __reduce__(self) -> tuple[type["FusionObjective"], tuple[Any, ...]]:
        """Pickles the arguments, and what took long to find out."""
        return FusionObjective, (self.predictions, self.truth, self.folds, self.metric, self._scores)

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

    def digest(self) -> bytes:
        """Digest of all that scores depend on but the settings."""
        content = hashlib.blake2b(repr((self.models, self.metric, len(self.truth.categories))).encode(), digest_size=8)
        for column in self._columns():
            content.update(repr(column.shape).encode())
            content.update(np.ascontiguousarray(column).data)
        return content.digest()

    def on(self, image_ids: Collection[int] | npt.NDArray[np.int64]) -> "FusionObjective":
        """Returns the objective on some images, which learns nothing from the others."""
        return FusionObjective(self.predictions.of_images(image_ids), self.truth, self.folds, self.metric)

    def calibrate(self) -> None:
        """Calibrates the scores in every way, so that no process that gets the objective has to."""
        for calibration in get_args(Calibration):
            self._calibrated(calibration)

    def _columns(self) -> Iterator[npt.NDArray[Any]]:
        """What is predicted, what is annotated, and the sizes and folds of images."""
        found, covered = self.predictions, self.predictions.covered
        for name in ("image_ids", "model_ids", "boxes", "scores", "labels"):
            yield getattr(found, name)
        yield from found.coverage
        truth, images = truth_columns(self.truth, covered), self.truth.subset(covered.tolist()).images
        for name in ("image_ids", "labels", "boxes", "areas", "is_crowd"):
            yield getattr(truth, name)
        yield np.array([(image.id, image.width, image.height) for image in images], np.int64)
        yield folds_of(covered, self.truth, self.folds)

    def _calibrated(self, calibration: Calibration) -> Grouped:
        if calibration not in self._scores:
            oof = calibrated_out_of_fold(self.predictions, self.truth, self.folds, calibration)
            self._scores[calibration] = oof.scores
        if calibration not in self._grouped:
            self._grouped[calibration] = self._grouped["none"].with_scores(self._scores[calibration])
        return self._grouped[calibration]
