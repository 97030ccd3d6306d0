import pytest

from recycle.orchestration.durations import Durations
from recycle.training.progress import Progress

MODELS = {"a-fold0": "a", "a-fold1": "a", "b-fold0": "b", "c-fold0": "c"}
EXPECTED = {"a-fold0": 100.0, "a-fold1": 200.0, "b-fold0": 50.0, "c-fold0": 10.0}


def durations() -> Durations:
    return Durations(MODELS, EXPECTED)


def heard(member: str, step: int, seconds_left: float) -> Progress:
    return Progress(member, 1, 1, step, 100, 0.0, -1.0, seconds_left, "host")


def test_before_anything_is_heard_durations_are_as_expected() -> None:
    assert {name: durations().seconds_left(name) for name in MODELS} == EXPECTED


def test_what_is_heard_of_a_member_is_taken_for_what_is_left_of_it() -> None:
    known = durations()
    known.observe(heard("a-fold0", 25, 225))
    assert known.seconds_left("a-fold0") == pytest.approx(225)


def test_a_member_corrects_those_of_its_model_and_in_part_all_others() -> None:
    known = durations()
    known.observe(heard("a-fold0", 50, 150))  # three times as long as expected
    known.observe(heard("b-fold0", 50, 25))  # just as long
    assert known.seconds_left("a-fold1") == pytest.approx(600)
    assert known.seconds_left("b-fold0") == pytest.approx(25)
    assert known.seconds_left("c-fold0") == pytest.approx(20)  # half way between both


def test_the_first_steps_of_a_process_are_no_measure() -> None:
    known = durations()
    known.observe(heard("a-fold0", 5, 9500))
    assert known.seconds_left("a-fold0") == pytest.approx(95)
    assert known.seconds_left("a-fold1") == pytest.approx(200)


def test_a_finished_member_has_nothing_left_and_keeps_its_measure() -> None:
    known = durations()
    known.observe(heard("a-fold0", 99, 3))
    known.observe(heard("a-fold0", 100, 0))
    assert known.seconds_left("a-fold0") == pytest.approx(0)
    assert known.seconds_left("a-fold1") == pytest.approx(600)
