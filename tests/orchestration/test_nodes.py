import pytest
from hypothesis import given
from hypothesis import strategies as st

from recycle.orchestration.nodes import GIB, Claim, Needs, Node, Room
from recycle.recipe import Resources

SMALL = Node("small", {"CPU": 8.0, "GPU": 2.0, "memory": 32 * GIB}, gpu_memory_gib=16)
LARGE = Node("large", {"CPU": 8.0, "GPU": 2.0, "memory": 32 * GIB}, gpu_memory_gib=80)
UNKNOWN = Node("unknown", {"CPU": 8.0, "GPU": 2.0, "memory": 32 * GIB})
WITHOUT = Node("without", {"CPU": 8.0, "memory": 32 * GIB})


def gpus_on(node: Node, gpus: float, gpu_memory: float = 0) -> float | None:
    taken = Needs(cpus=1, gpus=gpus, gpu_memory_gib=gpu_memory).on(node)
    return None if taken is None else taken.get("GPU", 0.0)


@pytest.mark.parametrize(
    ("node", "gpus", "gpu_memory", "taken"),
    [
        (SMALL, 1, 0, 1),
        (SMALL, 0.5, 0, 0.5),
        (SMALL, 0.25, 8, 0.5),  # half of its memory, though it asks for a quarter
        (LARGE, 0.25, 8, 0.25),
        (LARGE, 0.25, 40, 0.5),
        (SMALL, 0.25, 16, 1),
        (SMALL, 1, 17, None),
        (LARGE, 1, 17, 1),
        (LARGE, 2, 80, 2),
        (SMALL, 2, 17, None),
        (LARGE, 3, 1, None),
        (UNKNOWN, 1, 17, 1),
        (WITHOUT, 0.1, 0, None),
        (WITHOUT, 0, 0, 0),
    ],
)
def test_memory_decides_where_a_member_may_run_and_what_share_it_takes(
    node: Node, gpus: float, gpu_memory: float, taken: float | None
) -> None:
    assert gpus_on(node, gpus, gpu_memory) == (taken if taken is None else pytest.approx(taken))


def test_a_share_is_never_rounded_to_less_than_its_memory() -> None:
    share = gpus_on(LARGE, 0.01, 10)
    assert share is not None
    assert share * 80 >= 10
    third = gpus_on(Node("odd", {"CPU": 1, "GPU": 1}, gpu_memory_gib=30), 0.01, 10)
    assert third == pytest.approx(0.3334)


def test_measured_memory_stands_in_where_the_recipe_is_silent() -> None:
    silent = Resources(num_cpus=2, num_gpus=1, memory_gib=1)
    assert Needs.of(silent, 7.5) == Needs(2, 1, GIB, 7.5)
    assert Needs.of(silent.model_copy(update={"gpu_memory_gib": 5}), 7.5).gpu_memory_gib == 5
    assert Needs.of(Resources(), 7.5).gpu_memory_gib == 0


def test_shares_go_to_the_fullest_gpu_and_leave_whole_ones() -> None:
    room = Room(SMALL)
    for expected in [(0,), (0,), (1,)]:
        claim = room.claim(Needs(cpus=1, gpus=0.5))
        assert claim is not None
        assert claim.gpus == expected
        room.take(claim)
    assert room.claim(Needs(cpus=1, gpus=1)) is None
    assert room.free("GPU") == pytest.approx(0.5)


def test_ten_tenths_fill_a_gpu_and_an_eleventh_does_not_fit() -> None:
    room = Room(Node("n", {"CPU": 20.0, "GPU": 1.0}))
    for _ in range(10):
        claim = room.claim(Needs(cpus=1, gpus=0.1))
        assert claim is not None
        room.take(claim)
    assert room.claim(Needs(cpus=1, gpus=0.1)) is None


def test_a_copy_is_changed_apart() -> None:
    room = Room(SMALL)
    other = room.copy()
    other.take(Claim("small", {"CPU": 8.0, "GPU": 2.0}, (0, 1)))
    assert (room.free("CPU"), room.free("GPU")) == (8, 2)
    assert (other.free("CPU"), other.free("GPU")) == (0, 0)


@given(
    wants=st.lists(
        st.builds(
            Needs,
            cpus=st.sampled_from([0.5, 1, 3]),
            gpus=st.sampled_from([0, 0.1, 0.3, 0.5, 1, 2]),
            memory=st.sampled_from([0, 5.0 * GIB]),
            gpu_memory_gib=st.sampled_from([0, 3, 9, 16]),
        ),
        max_size=15,
    ),
    data=st.data(),
)
def test_no_gpu_is_overbooked_and_what_is_given_back_is_free_again(wants: list[Needs], data: st.DataObject) -> None:
    room = Room(SMALL)
    held: list[tuple[Needs, Claim]] = []
    for needs in wants:
        if claim := room.claim(needs):
            room.take(claim)
            held.append((needs, claim))
        is_given_back: bool = data.draw(st.booleans())
        if held and is_given_back:
            room.give_back(held.pop(data.draw(st.integers(0, len(held) - 1)))[1])
        shares = [sum(min(c.resources["GPU"], 1) for _, c in held if gpu in c.gpus) for gpu in range(2)]
        memory = [sum(n.gpu_memory_gib for n, c in held if gpu in c.gpus) for gpu in range(2)]
        assert all(share <= 1 + 1e-5 for share in shares)
        assert all(gib <= 16 + 1e-3 for gib in memory)
        assert room.free("CPU") >= -1e-6
    for _, claim in held:
        room.give_back(claim)
    assert room.free("CPU") == pytest.approx(8)
    assert room.free("GPU") == pytest.approx(2)
