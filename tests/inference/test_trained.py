import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recycle.data.coco import Category, Dataset, Image
from recycle.errors import RecipeError
from recycle.fusion.calibration import Calibrator
from recycle.fusion.methods import FusionSettings
from recycle.fusion.settings import DEFAULTS, EnsembleSettings, parameters_of
from recycle.fusion.wbf import fuse
from recycle.inference.trained import TrainedEnsemble, TrainedMember, fuse_predictions
from recycle.predictions.values import Predictions, concatenate
from recycle.recipe import TTA
from tests.predictions.strategies import assert_same
from tests.recipes import example_with

FUSION = FusionSettings(iou_thr=0.4, weights=(1.0, 3.0))
MODELS = ("cascade-rcnn", "yolov5")
MEMBERS = tuple(
    TrainedMember(f"{model}-fold{fold}", model, Path(f"{model}{fold}.pth")) for model in MODELS for fold in (0, 1)
)
IMAGES = Dataset(Path(), (Category(0, "Paper"),), (Image(4, "a.jpg", 100, 80), Image(6, "b.jpg", 100, 80)), ())
SIZES = {4: (100, 80), 6: (100, 80)}


@pytest.fixture
def ensemble() -> TrainedEnsemble:
    recipe = example_with("models.1.tta={flips: [none, horizontal]}")
    return TrainedEnsemble(recipe, (Category(0, "Paper"),), MEMBERS, recorded(FUSION, Calibrator()))


def recorded(fusion: FusionSettings, calibrator: Calibrator) -> dict[str, Any]:
    """What a run records of its fusion, as JSON gives it back."""
    calibrators = dict.fromkeys(MODELS, asdict(calibrator))
    record = {**parameters_of(EnsembleSettings(fusion), MODELS), "calibrators": calibrators, "trials": 3}
    read: dict[str, Any] = json.loads(json.dumps(record))
    return read


def found(model: str, shift: float, score: float) -> Predictions:
    """One box on the first image, a little to the right of the other members'."""
    return Predictions(
        image_ids=np.array([4]),
        model_ids=np.zeros(1, np.int32),
        boxes=np.array([[10 + shift, 10, 50 + shift, 50]], np.float32),
        scores=np.array([score], np.float32),
        labels=np.zeros(1, np.int32),
        models=(model,),
        coverage=(np.array([4, 6]),),
    )


@pytest.fixture
def predictions() -> dict[str, Predictions]:
    return {member.name: found(member.model, shift, 0.2 + shift / 10) for shift, member in enumerate(MEMBERS)}


def test_members_are_fused_before_models(ensemble: TrainedEnsemble, predictions: dict[str, Predictions]) -> None:
    models = []
    for model in ("cascade-rcnn", "yolov5"):
        own = [predictions[f"{model}-fold{fold}"].renamed(f"fold{fold}") for fold in (0, 1)]
        models.append(fuse(concatenate(own), SIZES, DEFAULTS.fusion, model))
    expected = fuse(concatenate(models), SIZES, FUSION, "ensemble")
    fused = fuse_predictions(ensemble, predictions, IMAGES)
    assert_same(fused, expected)
    # (0.25 + 3 * 0.45) / 4, and nearer to the second model's box than to the first one's.
    assert fused.scores == pytest.approx([0.4])
    assert fused.boxes[0, 0] > 11.5


def test_scores_are_calibrated_before_models_are_fused(
    ensemble: TrainedEnsemble, predictions: dict[str, Predictions]
) -> None:
    halving = Calibrator(knots=((0.0, 0.0), (1.0, 0.5)))
    fused = fuse_predictions(replace(ensemble, fusion=recorded(FUSION, halving)), predictions, IMAGES)
    assert fused.scores == pytest.approx([0.2])


def test_models_that_the_fusion_leaves_out_need_not_predict(
    ensemble: TrainedEnsemble, predictions: dict[str, Predictions]
) -> None:
    fusion = recorded(replace(FUSION, weights=(0.0, 1.0)), Calibrator())
    lean = replace(ensemble, fusion=fusion).in_use()
    assert lean.models == ("yolov5",)
    assert_same(
        fuse_predictions(lean, predictions, IMAGES),
        fuse_predictions(replace(ensemble, fusion=fusion), predictions, IMAGES),
    )
    assert ensemble.in_use() == ensemble
    assert ensemble.only("cascade-rcnn").in_use() == ensemble.only("cascade-rcnn")


def test_one_model_is_what_its_members_say(ensemble: TrainedEnsemble, predictions: dict[str, Predictions]) -> None:
    one = ensemble.only("yolov5")
    assert one.models == ("yolov5",)
    fused = fuse_predictions(one, predictions, IMAGES)
    assert fused.models == ("yolov5",)
    assert fused.scores == pytest.approx([0.45])
    assert fused.covered.tolist() == [4, 6]


def test_unknown_models_are_refused(ensemble: TrainedEnsemble) -> None:
    with pytest.raises(RecipeError, match="must be one of cascade-rcnn, yolov5, but got 'yolo'"):
        ensemble.only("yolo")


def test_without_tta_each_image_is_seen_once(ensemble: TrainedEnsemble) -> None:
    member = MEMBERS[2]
    assert len(ensemble.settings_of(member).tta.all_views()) == 2
    plain = ensemble.without_tta()
    assert plain.settings_of(member).tta == TTA()
    assert plain.settings_of(member).image_size == ensemble.settings_of(member).image_size
    assert replace(plain, recipe=ensemble.recipe) == ensemble
