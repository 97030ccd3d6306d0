"""What an ensemble predicts of new images for one fold's sake: without anything that saw the fold's images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recycle.data.coco import Dataset
from recycle.fusion.calibration import calibrated, fit_calibrators, folds_of
from recycle.fusion.ensemble import ENSEMBLE, MemberPredictions, sizes_of
from recycle.fusion.methods import fuse_by
from recycle.fusion.objective import FusionObjective
from recycle.fusion.settings import EnsembleSettings
from recycle.predictions.values import Predictions, concatenate


@dataclass(frozen=True, eq=False)
class FoldPredictions:
    """Predictions of the ensemble of one fold's members.

    Attributes:
        test: Of new images.
        others: Out of fold of the other folds' images, fused by the same settings; they tell how far to trust scores.
    """

    test: Predictions
    others: Predictions


def predict_for_fold(
    members: Sequence[MemberPredictions],
    objective: FusionObjective,
    test: Dataset,
    fold: int,
    settings: EnsembleSettings,
) -> FoldPredictions:
    """Fuses what the members of one fold predicted of new images.

    Scores are calibrated by the other folds' images, so nothing here depends on the fold's annotations if `settings`
    do not.

    Args:
        members: At least one; those that never saw the fold's images, at most one of each model.
        objective: Out-of-fold predictions of all models, and the truth.
        test: The new images; annotations are not looked at.
        fold: The fold.
        settings: How to fuse, found without the fold's images, for all models of the objective.
    """
    predictions = objective.predictions
    is_other = folds_of(predictions.covered, objective.truth, objective.folds) != fold
    others = objective.on(predictions.covered[is_other])
    by_model = {member.model: member.test for member in members}
    present = [name for name in objective.models if name in by_model]
    calibrators = fit_calibrators(others.predictions, others.truth, settings.calibration)
    found = concatenate([by_model[name].renamed(name) for name in present])
    fusion = _restricted(settings, objective.models, present).fusion
    return FoldPredictions(
        test=fuse_by(calibrated(found, calibrators), sizes_of(test), fusion, ENSEMBLE),
        others=others.fused(settings, ENSEMBLE),
    )


def _restricted(settings: EnsembleSettings, models: Sequence[str], present: Sequence[str]) -> EnsembleSettings:
    """The settings for some of the models; where none of these has a weight, all have the same."""
    weights = {name: weight for name, weight in settings.weight_of(models).items() if name in present}
    if not np.any(list(weights.values())):
        weights = dict.fromkeys(present, 1.0)
    return settings.with_weights(weights, present)
