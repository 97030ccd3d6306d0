"""How long trials take, and whether one more can finish."""

import math
import time

import pytest

from recycle.orchestration.search_time import SearchTime
from recycle.orchestration.trial_budget import TrialBudget, whole_seconds
from tests.orchestration.plans import model_with
from tests.recipes import example_recipe


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [((1, 10.0), (1, 10.0), 40.0), ((1, 10.0), (3, 14.0), 16.0), ((2, 10.0), (4, 20.0), 20.0)],
)
def test_the_start_counts_once_where_it_is_known(
    first: tuple[int, float], last: tuple[int, float], expected: float
) -> None:
    assert whole_seconds(first, last, 4) == expected


def test_without_hurry_there_is_always_time() -> None:
    budget = TrialBudget(10)
    assert budget.admits_another()
    assert not budget.is_over()


def test_another_trial_needs_time_for_all_of_it() -> None:
    budget = TrialBudget(100, time.monotonic() + 5)
    assert budget.admits_another(), "of the first nobody knows"
    budget.start("a")
    time.sleep(0.1)
    budget.measure("a", 1)
    assert budget.seconds_a_trial == pytest.approx(10, abs=4)
    assert not budget.admits_another()


def test_what_is_kept_for_later_is_not_for_trials() -> None:
    assert TrialBudget(1, time.monotonic() + 10, lambda seconds: 11.0).is_over()
    assert not TrialBudget(1, time.monotonic() + 10, lambda seconds: 5.0).is_over()


def limit(seconds: float, ago: float = 0.0) -> SearchTime:
    return SearchTime(time.monotonic() - ago, seconds, example_recipe().search, model_with())


def test_without_a_limit_all_finals_are_trained() -> None:
    free = limit(math.inf)
    assert (free.reserve(None, 1), free.finals(None, 1), free.seeds(1e9, 1)) == (0.0, free.wanted, 3)


def test_finals_get_half_of_the_time_at_most() -> None:
    assert limit(1000).reserve(None, 2) == 500
    assert limit(1000).reserve(1e6, 2) == 500
    assert limit(1000).reserve(1.0, 2) < 20


@pytest.mark.parametrize(("seconds", "seeds"), [(30, 3), (31, 3), (40, 2), (60, 0)])
def test_seeds_are_planned_by_what_the_first_finals_took(seconds: float, seeds: int) -> None:
    assert limit(200, ago=85).seeds(seconds, side_by_side=2) == seeds  # some 105 s are left, 10 of them for the report
