from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recycle.orchestration.cluster import GIB, ray_resources
from recycle.orchestration.scheduling import fits, longest_first, next_to_start
from recycle.recipe import Resources
from recycle.training.member import MemberPlan
from tests.orchestration.plans import plan_of


def needing(name: str, cpus: float = 1, gpus: float = 0, memory: float = 0) -> MemberPlan:
    return plan_of(name, resources={"num_cpus": cpus, "num_gpus": gpus, "memory_gib": memory})


@pytest.mark.parametrize(
    ("short", "long"),
    [
        (plan_of("short", epochs=8), plan_of("long", epochs=9)),
        (plan_of("short", image_size=192), plan_of("long", image_size=256)),
        (plan_of("short", backbone="resnet50"), plan_of("long", backbone="resnet101")),
        (plan_of("short", resources={"num_cpus": 2}), plan_of("long", resources={"num_cpus": 1})),
        (plan_of("short", resources={"num_gpus": 1}), plan_of("long", resources={"num_cpus": 8})),
        (plan_of("short", index=1, epochs=1), plan_of("long", index=0, epochs=1)),
    ],
)
def test_the_longest_comes_first(short: MemberPlan, long: MemberPlan) -> None:
    assert longest_first([short, long]) == longest_first([long, short]) == [long, short]


def test_equals_keep_their_order() -> None:
    plans = [plan_of(name) for name in "bca"]
    assert longest_first(plans) == plans


@pytest.mark.parametrize(
    ("waiting", "free", "chosen"),
    [
        ([], {"CPU": 4}, None),
        ([needing("a")], {"CPU": 4}, "a"),
        ([needing("a")], {"CPU": 0.5}, None),
        ([needing("a")], {}, None),
        ([needing("a", 8), needing("b", 2), needing("c", 1)], {"CPU": 4}, "b"),
        ([needing("a", gpus=1), needing("b")], {"CPU": 4}, "b"),
        ([needing("a", gpus=1), needing("b")], {"CPU": 4, "GPU": 1}, "a"),
        ([needing("a", gpus=0.5)], {"CPU": 4, "GPU": 0.4}, None),
        ([needing("a", gpus=0.1)], {"CPU": 4, "GPU": 1 - 9 * 0.1}, "a"),  # 0.09999999999999998 are left
        ([needing("a", memory=2)], {"CPU": 4, "memory": GIB}, None),
        ([needing("a", memory=2)], {"CPU": 4, "memory": 2 * GIB}, "a"),
    ],
)
def test_the_first_that_fits_starts(
    waiting: Sequence[MemberPlan], free: Mapping[str, float], chosen: str | None
) -> None:
    started = next_to_start(waiting, free)
    assert (started.name if started else None) == chosen


def test_what_is_not_asked_for_need_not_be_there() -> None:
    assert fits(Resources(num_cpus=1), {"CPU": 1})
    assert ray_resources(Resources(num_cpus=0.5, memory_gib=1)) == {"CPU": 0.5, "memory": GIB}


needs = st.tuples(
    st.sampled_from([0.5, 1, 2, 3, 4]), st.sampled_from([0, 0.1, 0.3, 0.5, 1]), st.sampled_from([1, 5, 20])
)


@given(wants=st.lists(needs, min_size=1, max_size=20), data=st.data())
def test_a_cluster_is_never_overbooked_nor_left_idle_and_all_finish(
    wants: list[tuple[float, float, int]], data: st.DataObject
) -> None:
    plans = [
        plan_of(str(number), resources={"num_cpus": cpus, "num_gpus": gpus}, epochs=epochs)
        for number, (cpus, gpus, epochs) in enumerate(wants)
    ]
    total = {"CPU": 4.0, "GPU": 1.0}
    free, waiting, running, finished = dict(total), longest_first(plans), list[MemberPlan](), list[str]()
    while waiting or running:
        while plan := next_to_start(waiting, free):
            waiting.remove(plan)
            running.append(plan)
            take(free, plan, -1)
        assert all(amount >= -1e-5 for amount in free.values())
        assert running, "nothing runs though members wait"
        assert not any(fits(plan.settings.resources, free) for plan in waiting)
        ended = running.pop(data.draw(st.integers(0, len(running) - 1)))
        finished.append(ended.name)
        take(free, ended, 1)
    assert sorted(finished) == sorted(plan.name for plan in plans)
    assert free == pytest.approx(total)


def take(free: dict[str, float], plan: MemberPlan, sign: int) -> None:
    for name, amount in ray_resources(plan.settings.resources).items():
        free[name] += sign * amount
