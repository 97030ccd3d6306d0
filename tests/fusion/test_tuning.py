import numpy as np
import optuna
import pytest

from recycle.data.coco import Dataset
from recycle.errors import RecipeError
from recycle.evaluation.detection import evaluate
from recycle.fusion.tuning import DEFAULTS, HAND_TUNED, IOU_THR_RANGE, SKIP_BOX_THR_RANGE, TunedFusion, tune_wbf
from recycle.fusion.wbf import fuse
from recycle.predictions.values import Predictions, concatenate
from tests.evaluation.scenes import HEIGHT, WIDTH, random_predictions, random_truth


def scene() -> tuple[Predictions, Dataset]:
    """Two models that cover different images, fewer than the data set has."""
    rng = np.random.default_rng(0)
    truth = random_truth(rng, boxes=60, images=15)
    first = random_predictions(rng, truth, boxes=150, name="first").of_images(range(12))
    second = random_predictions(rng, truth, boxes=150, name="second").of_images(range(2, 14))
    return concatenate([first, second]), truth


@pytest.fixture(scope="module")
def tuned() -> TunedFusion:
    return tune_wbf(*scene(), trials=6, seed=1)


def test_defaults_come_first_and_nothing_beats_the_result(tuned: TunedFusion) -> None:
    assert [trial.settings for trial in tuned.trials[:2]] == [DEFAULTS, HAND_TUNED]
    assert len(tuned.trials) == 6
    assert tuned.map50 == max(trial.map50 for trial in tuned.trials)
    assert tuned.settings in [trial.settings for trial in tuned.trials if trial.map50 == tuned.map50]


def test_settings_differ_and_stay_in_range(tuned: TunedFusion) -> None:
    assert len({trial.settings for trial in tuned.trials}) == 6
    assert any(trial.settings.weights for trial in tuned.trials)
    for trial in tuned.trials:
        assert set(trial.settings.weights) <= {1.0, 2.0, 3.0, 4.0}
        assert len(trial.settings.weights) in (0, 2)
        assert IOU_THR_RANGE[0] <= trial.settings.iou_thr <= IOU_THR_RANGE[1]
        assert SKIP_BOX_THR_RANGE[0] <= trial.settings.skip_box_thr <= SKIP_BOX_THR_RANGE[1]


def test_a_model_of_noise_is_outweighed() -> None:
    """With equal weights the noise would hide the good model's order."""
    rng = np.random.default_rng(2)
    truth = random_truth(rng, boxes=80, images=20)
    good = random_predictions(rng, truth, boxes=160, name="good")
    noise = random_predictions(rng, random_truth(rng, boxes=80, images=20), boxes=400, name="noise")
    tuned = tune_wbf(concatenate([good, noise]), truth, trials=25, seed=0)
    assert tuned.settings.weights[0] > tuned.settings.weights[1]
    assert tuned.map50 > tuned.trials[0].map50


def test_the_score_is_that_of_pycocotools(tuned: TunedFusion) -> None:
    oof, truth = scene()
    fused = fuse(oof, dict.fromkeys(range(15), (WIDTH, HEIGHT)), tuned.settings, "fused")
    assert fused.covered.tolist() == list(range(14))
    assert evaluate(truth, fused).map50 == pytest.approx(tuned.map50, abs=1e-9)


def test_equal_seeds_give_equal_trials(tuned: TunedFusion) -> None:
    assert tune_wbf(*scene(), trials=6, seed=1) == tuned
    assert tune_wbf(*scene(), trials=6, seed=2).trials[2:] != tuned.trials[2:]


def test_one_trial_is_the_defaults_and_a_tie_too() -> None:
    oof, truth = scene()
    assert tune_wbf(oof, truth, trials=1, seed=0).settings == DEFAULTS
    nothing = Predictions.empty(oof.models, oof.coverage)
    assert tune_wbf(nothing, truth, trials=3, seed=0).settings == DEFAULTS


def test_optuna_is_quiet_for_the_study_only(capsys: pytest.CaptureFixture[str]) -> None:
    verbosity = optuna.logging.get_verbosity()
    tune_wbf(*scene(), trials=1, seed=0)
    assert optuna.logging.get_verbosity() == verbosity
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("trials", [0, -3])
def test_no_trial_is_refused(trials: int) -> None:
    with pytest.raises(RecipeError, match=f"at least 1, but got trials={trials}"):
        tune_wbf(*scene(), trials=trials, seed=0)
