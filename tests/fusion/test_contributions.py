import pytest

from recycle.fusion.contributions import grow, leave_one_out
from recycle.fusion.methods import FusionSettings
from recycle.fusion.settings import DEFAULTS, EnsembleSettings
from tests.fusion.scenes import MODELS, random_objective

WEIGHED = EnsembleSettings(FusionSettings(0.5, 0.01, (3, 2, 1), "max"))


def test_the_gain_of_a_model_is_what_is_lost_without_it() -> None:
    objective = random_objective()
    gains = leave_one_out(objective, WEIGHED)
    assert list(gains) == list(MODELS)
    without_fair = EnsembleSettings(FusionSettings(0.5, 0.01, (3, 0, 1), "max"))
    assert gains["fair"] == pytest.approx(objective(WEIGHED) - objective(without_fair))
    assert gains["good"] > 0 > gains["noise"]


def test_models_left_out_before_are_not_asked() -> None:
    objective = random_objective()
    pair = WEIGHED.with_models(["good", "fair"], MODELS)
    assert list(leave_one_out(objective, pair)) == ["good", "fair"]
    assert leave_one_out(objective, DEFAULTS.with_models(["fair"], MODELS)) == {
        "fair": objective(DEFAULTS.with_models(["fair"], MODELS))
    }


def test_the_score_grows_from_single_models_to_all() -> None:
    objective = random_objective()
    growth = grow(objective, WEIGHED, seed=0)
    singles = [objective(WEIGHED.with_models([name], MODELS)) for name in MODELS]
    assert min(singles) < growth.means[0] < max(singles)
    assert growth.means[0] == pytest.approx(sum(singles) / 3, abs=0.05)
    assert growth.means[-1] == pytest.approx(objective(WEIGHED))
    assert growth.deviations[0] > growth.deviations[-1] == pytest.approx(0)


def test_the_last_step_tells_what_one_more_model_brings() -> None:
    objective = random_objective()
    growth = grow(objective, WEIGHED, seed=0)
    gains = list(leave_one_out(objective, WEIGHED).values())
    assert growth.gain == pytest.approx(growth.means[-1] - growth.means[-2])
    assert growth.gain == pytest.approx(sum(gains) / 3, abs=0.05)
    assert 0 < growth.gain_deviation < max(gains) - min(gains)


def test_one_model_grows_from_nothing() -> None:
    objective, single = random_objective(), DEFAULTS.with_models(["good"], MODELS)
    growth = grow(objective, single, seed=0)
    assert growth.means == (growth.gain,) == pytest.approx((objective(single),))


def test_equal_seeds_give_equal_growth() -> None:
    objective = random_objective()
    assert grow(objective, WEIGHED, seed=1) == grow(objective, WEIGHED, seed=1)
    assert grow(objective, WEIGHED, seed=1) != grow(objective, WEIGHED, seed=2)
