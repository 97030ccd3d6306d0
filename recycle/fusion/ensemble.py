"""From the predictions of members to those of models and of the ensemble.

The unit of fusion is the model: a training image is predicted by the one member that never saw it, so the members of
a model pool into one out-of-fold prediction; on a test image they are fused first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from recycle.data.coco import Dataset
from recycle.fusion.tuning import DEFAULTS, TunedFusion, tune_wbf
from recycle.fusion.wbf import fuse
from recycle.predictions.values import Predictions, concatenate

ENSEMBLE = "ensemble"


@dataclass(frozen=True)
class MemberPredictions:
    """What one member predicted; both parts bear the model's name.

    Attributes:
        member: The member's name.
        model: The model's name.
        oof: Predictions of the fold that it never saw; None where it was trained on all images.
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
        fusion: The settings and how they were found.
        model_oof: Pooled out-of-fold predictions of all models.
        model_test: Test predictions of all models, each fused from its members.
        oof: Out-of-fold predictions of the ensemble.
        test: Test predictions of the ensemble.
    """

    fusion: TunedFusion
    model_oof: Predictions
    model_test: Predictions
    oof: Predictions
    test: Predictions


def build_ensemble(
    members: Sequence[MemberPredictions], train: Dataset, test: Dataset, *, trials: int, seed: int
) -> Ensemble:
    """Tunes the fusion of models on out-of-fold predictions and fuses both parts with the settings found.

    Args:
        members: Predictions of all finished members.
        train: The training images with their annotations.
        test: The test images; annotations are not looked at.
        trials: Settings to try.
        seed: Seed of the search.
    """
    model_oof = concatenate([member.oof for member in members if member.oof is not None])
    model_test = concatenate([_fuse_members(members, model, _sizes(test)) for model in model_oof.models])
    fusion = tune_wbf(model_oof, train, trials, seed)
    return Ensemble(
        fusion=fusion,
        model_oof=model_oof,
        model_test=model_test,
        oof=fuse(model_oof, _sizes(train), fusion.settings, ENSEMBLE),
        test=fuse(model_test, _sizes(test), fusion.settings, ENSEMBLE),
    )


def _fuse_members(
    members: Sequence[MemberPredictions], model: str, sizes: Mapping[int, tuple[int, int]]
) -> Predictions:
    own = [member.test.renamed(member.member) for member in members if member.model == model]
    return fuse(concatenate(own), sizes, DEFAULTS, model)


def _sizes(dataset: Dataset) -> dict[int, tuple[int, int]]:
    return {image.id: (image.width, image.height) for image in dataset.images}
