"""What the journal of a search says."""

import optuna
import pytest
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.trial import TrialState, create_trial

from recycle.orchestration.trial_records import importances, records_of

RANGES: dict[str, BaseDistribution] = {"x": FloatDistribution(0, 1), "idle": FloatDistribution(0, 1)}


def study_of(values: list[float]) -> optuna.Study:
    """Trials of which the value follows one of two parameters, after a first one without parameters."""
    study = optuna.create_study(direction="maximize")
    study.add_trial(create_trial(value=0.5, user_attrs={"outcome": "finished", "constants": {"changes": {}}}))
    for place, x in enumerate(values):
        curve = {1: x / 2, 2: x} if place % 3 == 0 else {1: x / 2}  # most were stopped early
        parameters = {"x": x, "idle": place % 2 / 2}
        study.add_trial(
            create_trial(
                state=TrialState.PRUNED, params=parameters, distributions=RANGES, intermediate_values=curve, value=x
            )
        )
    return study


def test_the_parameter_that_decides_counts_most() -> None:
    found = importances(study_of([place / 20 for place in range(20)]), seed=0)
    shares = found.shares
    assert found.epoch == 1
    assert list(shares) == ["x", "idle"]
    assert shares["x"] > 0.9
    assert sum(shares.values()) == pytest.approx(1)


@pytest.mark.parametrize("values", [[], [0.1, 0.2], [0.3] * 8])
def test_too_little_says_nothing(values: list[float]) -> None:
    assert importances(study_of(values), seed=0).shares == {}


def test_records_hold_what_the_journal_does() -> None:
    study = study_of([])
    stopped = create_trial(
        state=TrialState.PRUNED,
        value=0.1,
        intermediate_values={1: 0.05, 2: 0.1},
        user_attrs={
            "outcome": "dropped",
            "reason": "too low",
            "seconds": 3.5,
            "constants": {"changes": {"image_size": 64}},
        },
    )
    study.add_trial(stopped)
    first, second = records_of(study)
    assert (first.number, first.outcome, first.value, first.changes) == (0, "finished", 0.5, {})
    assert (second.outcome, second.reason, second.value, second.seconds) == ("dropped", "too low", None, 3.5)
    assert (second.curve, second.changes) == ({1: 0.05, 2: 0.1}, {"image_size": 64})
