from functools import partial
from typing import Any, get_args

import optuna
import pytest

from recycle.errors import RecipeError
from recycle.fusion.methods import Method
from recycle.fusion.objective import FusionObjective
from recycle.fusion.settings import DEFAULTS, HAND_TUNED
from recycle.fusion.tuning import TunedFusion, tune
from recycle.predictions.values import Predictions
from search_spaces.fusion import space
from tests.fusion.scenes import MODELS, alternating_folds, random_models, random_objective

START = [DEFAULTS, DEFAULTS.with_models(["good"], MODELS), HAND_TUNED]
SPACE = partial(space, models=MODELS)


def tuned(trials: int = 8, seed: int = 1) -> TunedFusion:
    return tune(random_objective(), SPACE, START, trials, seed)


def test_the_start_comes_first_and_nothing_beats_the_result() -> None:
    result = tuned()
    assert [trial.settings for trial in result.trials[:3]] == START
    assert len(result.trials) == 8
    assert result.score == max(trial.score for trial in result.trials)
    assert next(trial.settings for trial in result.trials if trial.score == result.score) == result.settings


def test_scores_are_those_of_the_objective() -> None:
    for trial in tuned().trials:
        assert trial.score == random_objective()(trial.settings)


def test_settings_differ() -> None:
    assert len({trial.settings for trial in tuned().trials}) == 8


def test_a_model_of_noise_is_outweighed() -> None:
    result = tune(random_objective(), SPACE, [DEFAULTS], trials=30, seed=0)
    weights = result.settings.weight_of(MODELS)
    assert weights["good"] > weights["noise"]
    assert result.score > result.trials[0].score


def test_all_methods_can_be_searched() -> None:
    every = partial(space, models=MODELS, methods=get_args(Method))
    result = tune(random_objective(), every, START, trials=12, seed=0)
    assert len({trial.settings.fusion.method for trial in result.trials}) > 2


def test_weights_of_nothing_but_0_can_be_met() -> None:
    def nothing(trial: optuna.Trial) -> dict[str, Any]:
        return {f"weight {model}": trial.suggest_int(f"of {model}", 0, 0) for model in MODELS}

    assert tune(random_objective(), nothing, [], trials=2, seed=0).settings == DEFAULTS


def test_equal_seeds_give_equal_trials() -> None:
    assert tuned() == tuned()
    assert tuned(seed=2).trials[3:] != tuned().trials[3:]


def test_one_trial_is_the_first_of_the_start_and_a_tie_too() -> None:
    assert tuned(trials=1).settings == DEFAULTS
    predictions, truth = random_models()
    nothing = Predictions.empty(MODELS, predictions.coverage)
    objective = FusionObjective(nothing, truth, alternating_folds(truth))
    assert tune(objective, SPACE, START, trials=5, seed=0).settings == DEFAULTS


def test_without_time_there_is_one_trial() -> None:
    assert [trial.settings for trial in tune(random_objective(), SPACE, START, 8, 0, 0.0).trials] == [DEFAULTS]


def test_optuna_is_quiet_for_the_study_only(capsys: pytest.CaptureFixture[str]) -> None:
    verbosity = optuna.logging.get_verbosity()
    tuned(trials=1)
    assert optuna.logging.get_verbosity() == verbosity
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("trials", [0, -3])
def test_no_trial_is_refused(trials: int) -> None:
    with pytest.raises(RecipeError, match=f"at least 1, but got trials={trials}"):
        tuned(trials=trials)


def test_a_start_outside_the_search_is_refused() -> None:
    start = [DEFAULTS.with_weights({"good": 0.5, "fair": 1}, MODELS)]
    with pytest.raises(RecipeError, match="whole numbers up to 4, but 'good' has 0"):
        tune(random_objective(), SPACE, start, 2, 0)
