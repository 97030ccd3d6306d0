from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import optuna
import pytest

from recycle.evaluation.detection import evaluate
from recycle.fusion.calibration import calibrated, fit_calibrators
from recycle.fusion.methods import fuse_by
from recycle.fusion.nested import estimate_fold, folds_to_estimate
from recycle.fusion.objective import FusionObjective
from recycle.fusion.selection import Selection, select_greedily
from recycle.fusion.settings import DEFAULTS, HAND_TUNED
from recycle.fusion.tuning import TunedFusion, tune
from recycle.predictions.values import concatenate
from search_spaces.fusion import space
from tests.evaluation.scenes import HEIGHT, WIDTH
from tests.fusion.scenes import MODELS, alternating_folds, random_models
from tests.predictions.strategies import assert_same

SIZES = dict.fromkeys(range(24), (WIDTH, HEIGHT))
SPACE = partial(space, models=MODELS)


def objective(*, blind_fold: int | None = None) -> FusionObjective:
    """Three folds, one of them without annotations if so wished."""
    predictions, truth = random_models()
    folds = alternating_folds(truth, 3)
    seen = replace(truth, annotations=tuple(a for a in truth.annotations if a.image_id % 3 != blind_fold))
    return FusionObjective(predictions, seen, folds)


def calibrating(trial: optuna.Trial) -> dict[str, Any]:
    """Always calibrates, so that a leak through calibrators would show."""
    weights = {f"weight {model}": 1 for model in MODELS}
    return {**weights, "iou_thr": trial.suggest_float("iou_thr", 0.3, 0.8), "calibration": "isotonic"}


@pytest.mark.parametrize("fold", [0, 1, 2])
@pytest.mark.parametrize("choices", [SPACE, calibrating])
def test_what_is_annotated_in_the_fold_does_not_reach_its_predictions(fold: int, choices: Any) -> None:
    seeing, blind = (
        estimate_fold(each, choices, fold, trials=5, seed=0) for each in (objective(), objective(blind_fold=fold))
    )
    assert blind.settings == seeing.settings
    assert_same(blind.fused, seeing.fused)
    assert blind.score == 0 < seeing.score


def test_the_best_settings_of_the_other_folds_are_scored_on_this_one() -> None:
    whole = objective()
    others, own = np.flatnonzero(np.arange(24) % 3 != 1), np.flatnonzero(np.arange(24) % 3 == 1)
    estimate = estimate_fold(whole, calibrating, 1, trials=5, seed=0)
    start = [DEFAULTS, select_greedily(whole.on(others)).settings, HAND_TUNED]
    assert estimate.settings == tune(whole.on(others), calibrating, start, 5, 0).settings
    calibrators = fit_calibrators(whole.predictions.of_images(others), whole.truth, "isotonic")
    held_out = calibrated(whole.predictions.of_images(own), calibrators)
    assert_same(estimate.fused, fuse_by(held_out, SIZES, estimate.settings.fusion, "fused"))
    assert estimate.score == pytest.approx(evaluate(whole.truth, estimate.fused).map50)


def test_models_are_selected_without_the_fold() -> None:
    """A model that is good on the fold alone would be chosen if it were asked there."""
    predictions, truth = random_models()
    lucky = np.where(np.arange(24) % 3 == 1, "good", "noise")
    good, noise = (predictions.of_model(name).of_images(np.flatnonzero(lucky == name)) for name in ("good", "noise"))
    noise = replace(noise, scores=noise.scores * np.float32(0.3))
    both = concatenate([predictions.of_model("fair"), good.renamed("lucky"), noise.renamed("lucky")])
    whole = FusionObjective(both, truth, alternating_folds(truth, 3))
    assert "lucky" in select_greedily(whole).chosen
    choices = partial(space, models=whole.models)
    assert estimate_fold(whole, choices, 1, trials=2, seed=0).settings == DEFAULTS.with_models(["fair"], whole.models)


def test_selection_and_search_share_the_time_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, float | None] = {}

    def selected(others: FusionObjective, time_budget_s: float | None = None) -> Selection:
        told["selection"] = time_budget_s
        return select_greedily(others, time_budget_s=0.0)

    def tuned(*arguments: Any) -> TunedFusion:
        told["search"] = arguments[-1]
        return tune(*arguments)

    monkeypatch.setattr("recycle.fusion.nested.select_greedily", selected)
    monkeypatch.setattr("recycle.fusion.nested.tune", tuned)
    estimate_fold(objective(), SPACE, 1, trials=1, seed=0, time_budget_s=1000.0)
    assert told["selection"] == pytest.approx(500.0, abs=1)
    assert told["search"] is not None
    assert 900 < told["search"] < 1000, "what the selection leaves"


def test_folds_without_predictions_are_not_estimated() -> None:
    part = objective().on([image for image in range(24) if image % 3 != 0])
    assert folds_to_estimate(part) == [1, 2]
