"""An honest estimate of what a search finds: settings tuned without a fold's images are scored on them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recycle.evaluation.fast import MapScorer
from recycle.fusion.calibration import calibrated, fit_calibrators, folds_of
from recycle.fusion.countdown import Countdown
from recycle.fusion.methods import fuse_by
from recycle.fusion.objective import FusionObjective
from recycle.fusion.selection import select_greedily
from recycle.fusion.settings import DEFAULTS, HAND_TUNED, EnsembleSettings
from recycle.fusion.tuning import Space, tune
from recycle.predictions.values import Predictions

SELECTION_PART = 0.5
"""Of the time there is, the most that the selection of models gets; the rest is for tuning."""


@dataclass(frozen=True)
class FoldEstimate:
    """What was found without one fold's images, and how good it is on them.

    Attributes:
        fold: The fold that was held out.
        settings: The best settings on the other folds' images.
        score: Score of these settings on the fold's images.
        fused: The predictions of the fold's images that got `score`.
    """

    fold: int
    settings: EnsembleSettings
    score: float
    fused: Predictions


def folds_to_estimate(objective: FusionObjective) -> list[int]:
    """Returns the folds whose images the objective scores on, ascending; a nested estimate needs at least two."""
    return [int(fold) for fold in np.unique(_fold_of_image(objective))]


def estimate_fold(
    objective: FusionObjective, space: Space, fold: int, trials: int, seed: int, time_budget_s: float | None = None
) -> FoldEstimate:
    """Selects models, tunes and calibrates on the other folds' images, and scores the result on this fold's.

    Args:
        objective: On the images of all folds.
        space: See `tune`.
        fold: The fold to hold out; it and some other have images that any model covers.
        trials: How many settings are tried.
        seed: Of the search.
        time_budget_s: Ends selection and search earlier after so many seconds.

    Raises:
        RecipeError: If there is less than one trial.
        DataError: If a label is not that of a class.
    """
    image_ids, is_held_out = objective.predictions.covered, _fold_of_image(objective) == fold
    others = objective.on(image_ids[~is_held_out])
    countdown = Countdown(time_budget_s)
    selection = select_greedily(others, time_budget_s=countdown.left(SELECTION_PART))
    start = [DEFAULTS, selection.settings, HAND_TUNED]
    settings = tune(others, space, start, trials, seed, countdown.left()).settings
    fused = _fused_by_others(others, settings, objective.predictions.of_images(image_ids[is_held_out]))
    score = MapScorer(objective.truth, fused.covered, objective.metric).score(fused)
    return FoldEstimate(fold, settings, score, fused)


def _fold_of_image(objective: FusionObjective) -> npt.NDArray[np.int64]:
    return folds_of(objective.predictions.covered, objective.truth, objective.folds)


def _fused_by_others(others: FusionObjective, settings: EnsembleSettings, predictions: Predictions) -> Predictions:
    calibrators = fit_calibrators(others.predictions, others.truth, settings.calibration)
    sizes = {image.id: (image.width, image.height) for image in others.truth.images}
    return fuse_by(calibrated(predictions, calibrators), sizes, settings.fusion, "fused")
