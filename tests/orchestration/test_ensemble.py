"""The search of an ensemble on real Ray, where what was tuned must prove itself on folds that it did not see."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from recycle.fusion.objective import FusionObjective
from recycle.fusion.settings import DEFAULTS
from recycle.orchestration.cluster import connected
from recycle.orchestration.ensemble import EnsembleTask, FoundEnsemble, find_ensemble
from recycle.predictions.values import Predictions, concatenate
from recycle.recipe import Fusion
from recycle.report.ensemble import honest_verdict
from tests.evaluation.scenes import random_predictions, random_truth
from tests.fusion.scenes import alternating_folds, random_models

pytestmark = pytest.mark.training

IMAGES = 40


@pytest.fixture(scope="module", autouse=True)
def ray_runs() -> Iterator[None]:
    with connected():
        yield


def found(objective: FusionObjective, journal: Path, time_budget_s: float | None = None) -> FoundEnsemble:
    group_of = {image.id: image.id for image in objective.truth.images}
    return find_ensemble(EnsembleTask(objective, group_of, Fusion(trials=30), 0, journal, time_budget_s), print)


def objective_of_opposites() -> FusionObjective:
    """On each fold another model finds the objects, while the other looks elsewhere: what one fold teaches misleads."""
    rng = np.random.default_rng(0)
    truth, elsewhere = (random_truth(rng, boxes=5 * IMAGES, images=IMAGES) for _ in range(2))
    even, odd = np.arange(0, IMAGES, 2), np.arange(1, IMAGES, 2)

    def model(name: str, good_on: np.ndarray, bad_on: np.ndarray) -> list[Predictions]:
        right = random_predictions(rng, truth, boxes=10 * IMAGES, name=name).of_images(good_on)
        wrong = random_predictions(rng, elsewhere, boxes=10 * IMAGES, name=name).of_images(bad_on)
        return [concatenate([right, wrong])]

    predictions = concatenate([*model("even", even, odd), *model("odd", odd, even)])
    return FusionObjective(predictions, truth, alternating_folds(truth))


def test_tuning_that_harms_images_it_did_not_see_is_not_used(tmp_path: Path) -> None:
    objective = objective_of_opposites()
    ensemble = found(objective, tmp_path / "journal")
    study = ensemble.study
    assert ensemble.settings == DEFAULTS
    assert {one.settings for one in ensemble.standing} == {DEFAULTS}
    assert DEFAULTS not in {one.settings for one in ensemble.estimates}, "what is found for a fold stays its own"
    assert study.fusion == "default fusion"
    assert study.pooled.ratings["tuned fusion"].score >= study.pooled.ratings["default fusion"].score
    assert study.held_out.ratings["tuned fusion"].score < study.held_out.ratings["default fusion"].score
    assert honest_verdict(study).startswith("Tuning would do harm (-")
    assert study.parameters["iou_thr"] == DEFAULTS.fusion.iou_thr


def test_tuning_that_helps_is_used(tmp_path: Path) -> None:
    predictions, truth = random_models(images=IMAGES)
    objective = FusionObjective(predictions, truth, alternating_folds(truth))
    ensemble = found(objective, tmp_path / "journal")
    study = ensemble.study
    assert study.fusion == "tuned fusion"
    assert ensemble.standing == ensemble.estimates
    assert objective(ensemble.settings) == max(trial["score"] for trial in study.trials) > objective(DEFAULTS)


def test_without_time_there_is_an_ensemble_all_the_same(tmp_path: Path) -> None:
    predictions, truth = random_models(images=IMAGES)
    objective = FusionObjective(predictions, truth, alternating_folds(truth))
    ensemble = found(objective, tmp_path / "journal", time_budget_s=1e-6)
    assert ensemble.settings == DEFAULTS
    assert (len(ensemble.study.selection.names), len(ensemble.study.trials)) == (1, 1)
