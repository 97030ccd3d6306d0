"""From the predictions of members to those of models and of the ensemble.

The unit of fusion is the model: a training image is predicted by the one member that never saw it, so the members of
a model pool into one out-of-fold prediction; on a test image they are fused first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from recycle.data.coco import Dataset
from recycle.data.folds import Folds
from recycle.fusion.calibration import Calibrator, calibrated, calibrated_out_of_fold, fit_calibrators
from recycle.fusion.methods import fuse_by
from recycle.fusion.settings import DEFAULTS, EnsembleSettings
from recycle.predictions.values import Predictions, concatenate

ENSEMBLE = "ensemble"


@dataclass(frozen=True)
class MemberPredictions:
    """What one member predicted; both parts bear the model's name.

    Attributes:
        member: The member's name.
        model: The model's name.
        oof: Predictions of the fold that it never saw; None of a member that was trained on all folds.
        test: Predictions of the test images.
    """

    member: str
    model: str
    oof: Predictions | None
    test: Predictions


@dataclass(frozen=True)
class Ensemble:
    """Fused predictions, and those of the models that they were fused from.

    Attributes:
        settings: How the models were fused; a model of weight 0 has no part in `oof` and `test`.
        calibrators: For each model what its scores on new images go through before they are fused.
        model_oof: Pooled out-of-fold predictions of all models.
        model_test: Test predictions of all models, each fused from its members.
        oof: Out-of-fold predictions of the ensemble, of all images that any model covers.
        test: Test predictions of the ensemble, likewise.
    """

    settings: EnsembleSettings
    calibrators: Mapping[str, Calibrator]
    model_oof: Predictions
    model_test: Predictions
    oof: Predictions
    test: Predictions


def pool_out_of_fold(members: Sequence[MemberPredictions]) -> Predictions:
    """Returns the out-of-fold predictions of all models, each pooled over its members.

    Args:
        members: Members; those trained on all folds have none to give, and a model that has no others is left out.

    Raises:
        DataError: If no member has out-of-fold predictions, or two of one model have some of the same image.
    """
    return concatenate([member.oof for member in members if member.oof is not None])


def fuse_members(members: Sequence[MemberPredictions], models: Sequence[str], test: Dataset) -> Predictions:
    """Returns the test predictions of models, each fused from all its members by weighted boxes fusion's defaults.

    Args:
        members: Members of these and perhaps other models.
        models: Those that have out-of-fold predictions: the others could not be weighed.
        test: The test images; annotations are not looked at.

    Raises:
        DataError: If a model has no member, or a box leaves its image.
    """
    return concatenate([_fuse_members(members, model, sizes_of(test)) for model in models])


def fuse_ensemble(
    model_oof: Predictions,
    model_test: Predictions,
    train: Dataset,
    test: Dataset,
    folds: Folds,
    settings: EnsembleSettings,
) -> Ensemble:
    """Calibrates and fuses the models' predictions of both parts.

    Out-of-fold scores are calibrated by the other folds' images, test scores by all training images.

    Args:
        model_oof: Pooled out-of-fold predictions.
        model_test: Test predictions of the same models in the same order.
        train: The training images with their annotations.
        test: The test images; annotations are not looked at.
        folds: The fold of each training image.
        settings: How to calibrate and fuse.

    Raises:
        RecipeError: If the settings do not fit the models.
        DataError: If a covered image is not in its data set, or a box leaves its image.
    """
    assert model_oof.models == model_test.models
    calibrators = fit_calibrators(model_oof, train, settings.calibration)
    oof = calibrated_out_of_fold(model_oof, train, folds, settings.calibration)
    return Ensemble(
        settings=settings,
        calibrators=calibrators,
        model_oof=model_oof,
        model_test=model_test,
        oof=fuse_by(oof, sizes_of(train), settings.fusion, ENSEMBLE),
        test=fuse_by(calibrated(model_test, calibrators), sizes_of(test), settings.fusion, ENSEMBLE),
    )


def _fuse_members(
    members: Sequence[MemberPredictions], model: str, sizes: Mapping[int, tuple[int, int]]
) -> Predictions:
    own = [member.test.renamed(member.member) for member in members if member.model == model]
    return fuse_by(concatenate(own), sizes, DEFAULTS.fusion, model)


def sizes_of(dataset: Dataset) -> dict[int, tuple[int, int]]:
    """Width and height in pixels of each image by its id."""
    return {image.id: (image.width, image.height) for image in dataset.images}
