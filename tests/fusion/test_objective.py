import pickle
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from recycle.errors import DataError, RecipeError
from recycle.evaluation.detection import evaluate
from recycle.fusion.calibration import calibrated_out_of_fold
from recycle.fusion.methods import FusionSettings, Method, fuse_by
from recycle.fusion.objective import FusionObjective
from recycle.fusion.settings import DEFAULTS, Calibration, EnsembleSettings
from recycle.recipe.fusion import Metric
from tests.evaluation.scenes import HEIGHT, WIDTH, found, truth_of
from tests.fusion.scenes import MODELS, alternating_folds, random_models, random_objective
from tests.predictions.strategies import assert_same

SIZES = dict.fromkeys(range(24), (WIDTH, HEIGHT))


@pytest.mark.parametrize("calibration", get_args(Calibration))
@pytest.mark.parametrize("method", get_args(Method))
def test_the_score_is_that_of_each_step_by_itself(calibration: Calibration, method: Method) -> None:
    predictions, truth = random_models()
    objective = random_objective()
    fusion = FusionSettings(0.5, 0.02, (2, 1, 0), method=method)
    scores = calibrated_out_of_fold(predictions, truth, alternating_folds(truth), calibration)
    fused = fuse_by(scores, SIZES, fusion, "fused")
    assert_same(objective.fused(EnsembleSettings(fusion, calibration)), fused)
    assert objective(EnsembleSettings(fusion, calibration)) == pytest.approx(evaluate(truth, fused).map50, abs=1e-9)


def test_calibration_matters_and_leaves_no_trace() -> None:
    objective = random_objective()
    before = objective(DEFAULTS)
    others = [objective(replace(DEFAULTS, calibration=kind)) for kind in ("isotonic", "temperature")]
    assert len({before, *others}) == 3
    assert objective(DEFAULTS) == before


@pytest.mark.parametrize("metric", get_args(Metric))
def test_it_pickles(metric: Metric) -> None:
    predictions, truth = random_models()
    objective = FusionObjective(predictions, truth, alternating_folds(truth), metric)
    settings = replace(DEFAULTS, calibration="temperature")
    again = pickle.loads(pickle.dumps(objective))
    assert again.models == MODELS
    assert again(settings) == objective(settings) == evaluate(truth, objective.fused(settings)).to_json()[metric]


def test_what_is_calibrated_once_is_calibrated_for_every_process(monkeypatch: pytest.MonkeyPatch) -> None:
    objective = random_objective()
    scores = [objective(replace(DEFAULTS, calibration=kind)) for kind in get_args(Calibration)]
    objective = random_objective()
    objective.calibrate()
    again = pickle.loads(pickle.dumps(objective))
    monkeypatch.setattr("recycle.fusion.objective.calibrated_out_of_fold", None)
    assert [again(replace(DEFAULTS, calibration=kind)) for kind in get_args(Calibration)] == scores


def test_a_part_of_the_images_learns_nothing_from_the_others() -> None:
    predictions, truth = random_models()
    folds, part = alternating_folds(truth, 3), np.arange(15)
    blind = replace(truth, annotations=tuple(a for a in truth.annotations if a.image_id < 15))
    settings = replace(DEFAULTS, calibration="isotonic")
    score = FusionObjective(predictions, truth, folds).on(part)(settings)
    assert score == FusionObjective(predictions.of_images(part), blind, folds)(settings)
    assert score != FusionObjective(predictions, truth, folds)(settings)


def test_what_does_not_fit_is_refused() -> None:
    _, truth = random_models()
    with pytest.raises(RecipeError, match="one for each of 3 models"):
        random_objective()(EnsembleSettings(FusionSettings(weights=(1, 2))))
    with pytest.raises(DataError, match="image_id=99"):
        FusionObjective(found([], images=[0, 99]), truth, alternating_folds(truth))


def test_the_digest_is_of_all_that_scores_depend_on() -> None:
    predictions, truth = random_models()
    folds = alternating_folds(truth)
    labels = predictions.labels.copy()
    labels[0] += 1
    further = tuple(np.append(ids, 24) for ids in predictions.coverage)
    moved = replace(truth.annotations[0], bbox=(1.0, 1.0, 9.0, 9.0))
    larger = replace(truth.images[0], width=WIDTH + 1)
    one_more = truth_of([], classes=5, images=25)
    objectives = [
        FusionObjective(predictions, truth, folds),
        FusionObjective(predictions, truth, folds, "map"),
        FusionObjective(predictions, truth, alternating_folds(truth, 3)),
        FusionObjective(replace(predictions, labels=labels), truth, folds),
        FusionObjective(predictions, replace(truth, annotations=(moved, *truth.annotations[1:])), folds),
        FusionObjective(predictions, replace(truth, images=(larger, *truth.images[1:])), folds),
        FusionObjective(
            replace(predictions, coverage=further),
            replace(truth, images=one_more.images),
            alternating_folds(one_more),
        ),
    ]
    assert len({one.digest() for one in objectives}) == len(objectives)
    assert FusionObjective(predictions, truth, folds).digest() == objectives[0].digest()
