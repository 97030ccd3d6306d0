"""What there is time for, and that the end is kept."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recycle.orchestration.deadline import Deadline, plan_until, seconds_in_order
from recycle.orchestration.nodes import Node
from recycle.report.plan import PlannedMember
from recycle.training.member import MemberPlan
from tests.orchestration.plans import model_with, plan_of

POOL = [Node("", {"CPU": 2.0})]
ONE_CORE = [Node("", {"CPU": 1.0})]


def member(name: str, seconds: float, model: str = "") -> PlannedMember:
    return PlannedMember(name, model_with(name=model or name), 10, seconds, 1.0, ())


def names(members: object) -> list[str]:
    return [one.name for one in members]  # type: ignore[attr-defined]


def test_all_is_trained_when_there_is_time() -> None:
    plan = plan_until([member("a", 10), member("b", 20), member("c", 10)], POOL, 20)
    assert (sorted(names(plan.members)), plan.left_out) == (["a", "b", "c"], [])


def test_most_gain_an_hour_comes_first_and_what_does_not_fit_is_left_out() -> None:
    members = [
        member("slow", 100),
        member("fast-fold0", 10, "fast"),
        member("fast-fold1", 10, "fast"),
        member("mid", 15),
    ]
    plan = plan_until(members, ONE_CORE, 36)
    assert names(plan.members) == ["fast-fold0", "mid", "fast-fold1"]
    assert names(plan.left_out) == ["slow"]


def test_a_model_s_further_members_count_less_than_another_model() -> None:
    members = [member(f"a-fold{fold}", 10, "a") for fold in range(3)] + [member("b", 12)]
    assert names(plan_until(members, ONE_CORE, 22).members) == ["a-fold0", "b"]


@given(st.lists(st.floats(0.1, 100), max_size=8), st.floats(0, 300), st.sampled_from([1.0, 2.0, 3.0]))
def test_what_is_planned_fits_and_nothing_is_lost(durations: list[float], seconds: float, cores: float) -> None:
    members = [member(f"m{place}", duration) for place, duration in enumerate(durations)]
    nodes = [Node("", {"CPU": cores})]
    plan = plan_until(members, nodes, seconds)
    assert seconds_in_order(plan.members, nodes) <= seconds or not plan.members
    assert sorted([*names(plan.members), *names(plan.left_out)]) == sorted(names(members))
    assert all(one.seconds <= seconds for one in plan.members)


class Watch:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def deadline(watch: Watch, ends_at: float = 100) -> tuple[Deadline, list[MemberPlan]]:
    return Deadline(ends_at, [member("b", 40), member("a", 40)], watch), [plan_of("a"), plan_of("b")]


def test_members_start_in_the_order_of_the_plan() -> None:
    end, plans = deadline(Watch())
    assert names(sorted(plans, key=end.rank)) == ["b", "a"]


def test_measured_times_decide_what_may_still_start() -> None:
    watch = Watch()
    end, (first, second) = deadline(watch)
    assert end.admits(first)
    end.start(first)
    end.measure(first, 0.0)
    watch.now = 30
    assert end.admits(second)
    end.measure(first, 0.5)  # it will take 60 s in place of 40
    watch.now = 41
    assert not end.admits(second)
    end.measure(first, 1.0)
    assert end.admits(second)


@pytest.mark.parametrize("heard_before", [0.8, 0.9, 0.95])
def test_an_attempt_that_goes_on_is_measured_by_what_it_does_itself(heard_before: float) -> None:
    watch = Watch()
    end, (first, second) = deadline(watch)
    end.start(first)
    end.measure(first, 0.0)
    watch.now = 5
    end.start(first)
    end.measure(first, heard_before)  # of the attempt before, whatever of it the last checkpoint holds
    watch.now = 10
    end.measure(first, 0.9)
    watch.now = 25
    end.measure(first, 1.0)  # a tenth in fifteen seconds: 150 s in place of 40
    assert not end.admits(second)


def test_the_first_steps_are_no_measure() -> None:
    watch = Watch()
    end, (first, second) = deadline(watch)
    end.start(first)
    end.measure(first, 0.0)
    watch.now = 30
    end.measure(first, 0.01)
    assert end.admits(second)


def test_the_end_is_the_end() -> None:
    watch = Watch()
    end, _ = deadline(watch, ends_at=10)
    assert not end.is_over()
    watch.now = 10
    assert end.is_over()


def test_members_that_share_a_gpu_are_played_through() -> None:
    model = model_with()
    half = model.model_copy(update={"resources": model.resources.model_copy(update={"num_gpus": 0.5})})
    members = [replace(member(f"m{n}", 10), settings=half) for n in range(3)]
    assert seconds_in_order(members, [Node("", {"CPU": 8.0, "GPU": 1.0})]) == pytest.approx(20)
