"""Scores as probabilities: how likely a box of such a score is right, told by each model's out-of-fold predictions."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression

from recycle.data.coco import Dataset
from recycle.data.folds import Folds
from recycle.errors import DataError
from recycle.evaluation.matching import IGNORED, match
from recycle.fusion.settings import Calibration
from recycle.predictions.values import Predictions

FEWEST = 20
"""With fewer right or fewer wrong boxes than these, scores are left as they are."""

_LOG_SLOPES, _BIASES = (-2.0, 2.0), (-10.0, 10.0)
"""Within these no positive score becomes 0 in float32."""
_MARGIN = 1e-6
"""Logits are taken of scores this far from 0 and 1."""


@dataclass(frozen=True)
class Calibrator:
    """A strictly increasing map of scores onto scores, of 0 to 0; by default each stays as it is.

    Attributes:
        knots: Pairs of a score and what it becomes, both ascending, from a score of 0 to one of 1; linear between.
        temperature: Above 0; the logit of what the knots give is divided by it.
        bias: Added to that.
    """

    knots: tuple[tuple[float, float], ...] = ((0.0, 0.0), (1.0, 1.0))
    temperature: float = 1.0
    bias: float = 0.0

    def __call__(self, scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Returns the calibrated scores, shape (n,), which keep their order to the rounding of float32."""
        values = np.interp(scores.astype(np.float64), *np.array(self.knots).T)
        if (self.temperature, self.bias) != (1.0, 0.0):
            values = expit(logit(values) / self.temperature + self.bias)
        return np.asarray(values, np.float32)


class Outcomes(NamedTuple):
    """Which boxes of one model are right: matched to an object of their class at IoU 0.5, as COCO does.

    Boxes that match a crowd are left out, and those beyond the 100 best of a class on an image.
    """

    image_ids: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float64]
    is_right: npt.NDArray[np.bool_]

    def of(self, rows: npt.NDArray[np.bool_]) -> "Outcomes":
        """Returns some of the boxes."""
        return Outcomes(self.image_ids[rows], self.scores[rows], self.is_right[rows])


def fit_calibrators(oof: Predictions, truth: Dataset, calibration: Calibration) -> dict[str, Calibrator]:
    """Fits a calibrator for each model on all images, to be used on others.

    "isotonic" is centred isotonic regression (Oron and Flournoy, https://arxiv.org/abs/1701.05964): like the ordinary
    one, but linear between the centres of its steps, so that the order of scores is kept. "temperature" is logistic
    regression on the logit of the score, with a bias. Both take all classes together.

    Args:
        oof: Out-of-fold predictions.
        truth: The data set, which may hold further images.
        calibration: "none" gives calibrators that change nothing, and so does a model with fewer than `FEWEST` right
            or wrong boxes.

    Raises:
        DataError: If a label is not that of a class, or a covered image is not in the data set.
    """
    if calibration == "none":
        return dict.fromkeys(oof.models, Calibrator())
    return {name: _fitted(_outcomes(oof.of_model(name), truth), calibration) for name in oof.models}


def calibrated(predictions: Predictions, calibrators: Mapping[str, Calibrator]) -> Predictions:
    """Returns predictions with the scores of each model changed by its calibrator."""
    scores = predictions.scores.copy()
    for index, name in enumerate(predictions.models):
        rows = predictions.model_ids == index
        scores[rows] = calibrators[name](scores[rows])
    return replace(predictions, scores=scores)


def calibrated_out_of_fold(oof: Predictions, truth: Dataset, folds: Folds, calibration: Calibration) -> Predictions:
    """Returns out-of-fold predictions, those of each fold calibrated by what is fitted on the other folds' images.

    Args:
        oof: Out-of-fold predictions.
        truth: The data set, which may hold further images.
        folds: The fold of each image.
        calibration: See `fit_calibrators`.

    Raises:
        DataError: If a label is not that of a class, or a covered image is not in the data set.
    """
    if calibration == "none":
        return oof
    scores, fold_of_row = oof.scores.copy(), folds_of(oof.image_ids, truth, folds)
    for index, name in enumerate(oof.models):
        outcomes = _outcomes(oof.of_model(name), truth)
        fold_of_outcome = folds_of(outcomes.image_ids, truth, folds)
        for fold in np.unique(fold_of_row):
            rows = (oof.model_ids == index) & (fold_of_row == fold)
            scores[rows] = _fitted(outcomes.of(fold_of_outcome != fold), calibration)(scores[rows])
    return replace(oof, scores=scores)


def folds_of(image_ids: npt.NDArray[np.int64], truth: Dataset, folds: Folds) -> npt.NDArray[np.int64]:
    """Returns the fold of each image, shape (n,).

    Args:
        image_ids: Shape (n,), ids of images of the data set, in any order and repeated or not.
        truth: The data set.
        folds: The fold of each of its images.

    Raises:
        DataError: If an image is not in the data set.
    """
    images = sorted(truth.images, key=lambda image: image.id)
    known = np.array([image.id for image in images], np.int64)
    unknown = np.setdiff1d(image_ids, known)
    if unknown.size:
        raise DataError(f"predictions must be of images of the data set, but got image_id={unknown[0]}")
    column = np.array([folds.assignment[image.file_name] for image in images], np.int64)
    return column[np.searchsorted(known, image_ids)]


def _outcomes(predictions: Predictions, truth: Dataset) -> Outcomes:
    matches = match(predictions, truth)
    found = matches.truths[0]
    everything = Outcomes(matches.image_ids[matches.images], matches.scores.astype(np.float64), found >= 0)
    return everything.of(found != IGNORED)


def _fitted(outcomes: Outcomes, calibration: Calibration) -> Calibrator:
    right = np.count_nonzero(outcomes.is_right)
    if min(right, len(outcomes.is_right) - right) < FEWEST:
        return Calibrator()
    return _isotonic(outcomes) if calibration == "isotonic" else _temperature(outcomes)


def _isotonic(outcomes: Outcomes) -> Calibrator:
    steps = IsotonicRegression(y_min=0, y_max=1).fit_transform(outcomes.scores, outcomes.is_right)
    values, step_of_row, counts = np.unique(steps, return_inverse=True, return_counts=True)
    centres = np.bincount(step_of_row, outcomes.scores) / counts
    inner = (values > 0) & (values < 1) & (centres > 0) & (centres < 1)
    # As if one more box, of score 1, were right: so the last step rises too.
    top = (values[-1] * counts[-1] + 1) / (counts[-1] + 1)
    knots = zip(centres[inner].tolist(), values[inner].tolist(), strict=True)
    return Calibrator(knots=((0.0, 0.0), *knots, (1.0, float(top))))


def _temperature(outcomes: Outcomes) -> Calibrator:
    logits, is_right = logit(np.clip(outcomes.scores, _MARGIN, 1 - _MARGIN)), outcomes.is_right

    def loss(point: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        slope, bias = np.exp(point[0]), point[1]
        values = slope * logits + bias
        wrong_by = expit(values) - is_right
        gradient = np.array([np.mean(wrong_by * logits) * slope, np.mean(wrong_by)])
        return float(np.mean(np.logaddexp(0, values) - is_right * values)), gradient

    log_slope, bias = minimize(loss, np.zeros(2), jac=True, method="L-BFGS-B", bounds=(_LOG_SLOPES, _BIASES)).x
    return Calibrator(temperature=float(np.exp(-log_slope)), bias=float(bias))
