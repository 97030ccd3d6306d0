from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recycle.orchestration.nodes import Claim, Needs, Node, Room
from recycle.orchestration.scheduling import Job, Occupation, eligible, place, seconds_until_done


def job(name: str, seconds: float = 1, gpus: float = 1, *, cpus: float = 1, gpu_memory: float = 0) -> Job:
    return Job(name, Needs(cpus, gpus, gpu_memory_gib=gpu_memory), seconds)


def node(name: str, gpus: float = 1, *, cpus: float = 64, gpu_memory: float = 0) -> Node:
    return Node(name, {"CPU": cpus, "GPU": gpus}, gpu_memory)


def placed(jobs: Sequence[Job], nodes: Sequence[Node], running: Sequence[Occupation] = ()) -> list[tuple[str, str]]:
    return [(one.job.name, one.claim.node) for one in place(jobs, nodes, running)]


@pytest.mark.parametrize(
    ("jobs", "nodes", "expected"),
    [
        ([], [node("n")], []),
        ([job("a")], [], []),
        ([job("short", 1), job("long", 2)], [node("n")], [("long", "n")]),
        ([job("a"), job("b")], [node("n", 2)], [("a", "n"), ("b", "n")]),
        # Two GPUs must be of one node.
        ([job("a", gpus=2)], [node("n"), node("m")], []),
        ([job("a", gpus=2)], [node("n"), node("m", 2)], [("a", "m")]),
        # Halves share a GPU, and leave the other whole.
        ([job("a", 9, 0.5), job("b", 8, 0.5), job("c", 7)], [node("n", 2)], [("a", "n"), ("b", "n"), ("c", "n")]),
        # Those without a GPU stay away from nodes with GPUs as long as there are others.
        ([job("a", gpus=0)], [node("n"), node("m", 0)], [("a", "m")]),
        ([job("a", gpus=0)], [node("n")], [("a", "n")]),
        # Small memory is used first, so that large members find room.
        ([job("a", gpu_memory=8)], [node("n", gpu_memory=80), node("m", gpu_memory=16)], [("a", "m")]),
        ([job("a", gpu_memory=24)], [node("n", gpu_memory=80), node("m", gpu_memory=16)], [("a", "n")]),
        ([job("a", gpu_memory=99)], [node("n", gpu_memory=80), node("m", gpu_memory=16)], []),
    ],
)
def test_who_starts_where(jobs: Sequence[Job], nodes: Sequence[Node], expected: list[tuple[str, str]]) -> None:
    assert placed(jobs, nodes) == expected


def test_equals_keep_their_order() -> None:
    assert [name for name, _ in placed([job(name) for name in "bca"], [node("n", 3)])] == ["b", "c", "a"]


def test_rank_goes_before_length() -> None:
    jobs = [Job("long", Needs(1, 1), 9, rank=1), Job("short", Needs(1, 1), 1)]
    assert placed(jobs, [node("n")]) == [("short", "n")]


def test_nodes_where_a_member_failed_are_avoided_unless_no_other_could_run_it() -> None:
    nodes = [node("n"), node("m")]
    failed = Job("a", Needs(1, 1), 1, frozenset("n"))
    assert placed([failed], nodes) == [("a", "m")]
    assert placed([failed], nodes[:1]) == [("a", "n")]
    occupied = [Occupation(Claim("m", {"CPU": 1, "GPU": 1}, (0,)), 60)]
    assert placed([failed], nodes, occupied) == []  # it waits for the other


def test_few_large_gpus_begin_with_the_work_that_only_they_can_do() -> None:
    nodes = [node("large", gpu_memory=80), node("small", gpu_memory=16)]
    jobs = [
        job("any", 10),
        *[job(f"any{n}", 9) for n in range(2)],
        *[job(f"big{n}", 8, gpu_memory=40) for n in range(4)],
    ]
    assert sorted(placed(jobs, nodes)) == [("any", "small"), ("big0", "large")]


def test_a_place_is_kept_for_the_member_that_needs_most() -> None:
    half = Claim("n", {"CPU": 1, "GPU": 0.5}, (0,))
    jobs = [job("whole", 100), job("longer", 20, 0.5), job("shorter", 5, 0.5)]
    # The GPU is whole again in ten seconds: what ends by then may use its other half.
    assert placed(jobs, [node("n")], [Occupation(half, 10)]) == [("shorter", "n")]
    assert placed(jobs, [node("n"), node("m")], [Occupation(half, 10)]) == [("whole", "m"), ("longer", "n")]


def test_what_does_not_delay_the_kept_place_starts() -> None:
    running = [Occupation(Claim("n", {"CPU": 1, "GPU": 1}, (0,)), 10)]
    jobs = [job("two", 100, 2), job("no-gpu", 50, 0), job("one", 50)]
    assert placed(jobs, [node("n", 2)], running) == [("no-gpu", "n")]
    assert placed(jobs, [node("n", 3)], running) == [("two", "n"), ("no-gpu", "n")]


def test_members_that_run_longer_than_expected_do_not_confuse() -> None:
    overdue = [Occupation(Claim("n", {"CPU": 1, "GPU": 1}, (0,)), -30)]
    assert placed([job("a", 5), job("b", 4, 0.5)], [node("n")], overdue) == []


def test_members_on_nodes_that_are_gone_do_not_matter() -> None:
    assert placed([job("a")], [node("n")], [Occupation(Claim("gone", {"CPU": 1, "GPU": 1}, (0,)), 9)]) == [("a", "n")]


needs = st.builds(
    Needs,
    cpus=st.sampled_from([0.5, 1, 2, 3, 4]),
    gpus=st.sampled_from([0, 0.1, 0.3, 0.5, 1, 2]),
    gpu_memory_gib=st.sampled_from([0, 10, 20]),
)
NODES = [node("small", 1, cpus=4, gpu_memory=16), node("large", 2, cpus=8, gpu_memory=24), node("none", 0, cpus=4)]


@given(wants=st.lists(st.tuples(needs, st.integers(1, 9)), min_size=1, max_size=20), data=st.data())
def test_a_cluster_is_never_overbooked_and_all_finish(wants: list[tuple[Needs, int]], data: st.DataObject) -> None:
    waiting = [Job(str(number), one, seconds) for number, (one, seconds) in enumerate(wants)]
    running: list[tuple[Job, Claim]] = []
    finished: list[str] = []
    while waiting or running:
        for placement in place(waiting, NODES, [Occupation(claim, one.seconds) for one, claim in running]):
            waiting.remove(placement.job)
            running.append((placement.job, placement.claim))
            assert placement.claim.node in eligible(placement.job, NODES)
        rooms = {one.id: Room(one) for one in NODES}
        for _, claim in running:
            rooms[claim.node].take(claim)
        assert all(room.free(name) >= -1e-5 for room in rooms.values() for name in ("CPU", "GPU"))
        assert running, "nothing runs though members wait"
        finished.append(running.pop(data.draw(st.integers(0, len(running) - 1)))[0].name)
    assert sorted(finished) == sorted(str(number) for number in range(len(wants)))


@given(
    seconds=st.lists(st.floats(1, 100), min_size=1, max_size=40),
    gpus=st.integers(1, 8),
    wrong=st.floats(0.5, 2),
)
def test_no_schedule_is_longer_than_the_work_and_one_member(seconds: list[float], gpus: int, wrong: float) -> None:
    """Graham's bound for any list schedule, which holds however wrong the expectations were."""
    jobs = [job(str(number), length) for number, length in enumerate(seconds)]

    def takes(one: Job) -> float:
        return one.seconds * (wrong if int(one.name) % 2 else 1)

    done = seconds_until_done(jobs, [node("n", gpus)], takes)
    work, longest = sum(map(takes, jobs)), max(map(takes, jobs))
    assert max(work / gpus, longest) <= done + 1e-6
    assert done <= work / gpus + longest * (1 - 1 / gpus) + 1e-6


@pytest.mark.parametrize("large", [1, 4, 8])
def test_mixed_gpus_are_used_nearly_to_the_bound(large: int) -> None:
    nodes = [node(f"l{n}", gpu_memory=80) for n in range(large)] + [node(f"s{n}", gpu_memory=16) for n in range(8)]
    jobs = [job(f"any{n}", 20) for n in range(60)] + [job(f"big{n}", 19, gpu_memory=40) for n in range(12 * large)]
    work = sum(one.seconds for one in jobs)
    bound = max(work / (large + 8), 12 * 19)
    assert seconds_until_done(jobs, nodes) <= 1.1 * bound


def test_whole_gpus_are_not_starved_by_halves() -> None:
    jobs = [job("whole", 100), *[job(f"half{n}", 9 + n % 5, 0.5) for n in range(40)]]
    running = Occupation(Claim("n", {"CPU": 1, "GPU": 0.5}, (0,)), 5)
    assert [name for name, _ in placed(jobs, [node("n")], [running])] == []
    assert seconds_until_done(jobs, [node("n")]) <= 1.05 * (100 + sum(one.seconds for one in jobs[1:]) / 2)
