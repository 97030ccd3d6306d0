import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recycle.orchestration.attempt_log import AttemptLog
from recycle.orchestration.nodes import Claim
from recycle.report.attempts import Attempt, read_attempts, usage_of


def attempt(began: float, ended: float, cpus: float = 1, cluster: float = 4) -> Attempt:
    return Attempt("a", 1, began, ended, "finished", "here", "", cpus, 0, cluster, 0)


def lines(*records: dict[str, Any]) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def started(time: float, member: str = "a", number: int = 1) -> dict[str, Any]:
    return {"time": time, "member": member, "attempt": number, "event": "started", "cpus": 1, "cluster_cpus": 2}


def ended(time: float, event: str, member: str = "a", **more: str) -> dict[str, Any]:
    return {"time": time, "member": member, "attempt": 1, "event": event, **more}


def test_what_the_driver_writes_is_read_back(tmp_path: Path) -> None:
    log = AttemptLog(tmp_path / "attempts.jsonl")
    log.started("a", 1, Claim("n", {"CPU": 2, "GPU": 1}, (0,)), {"CPU": 8, "GPU": 4, "memory": 1e9})
    log.ended("a", 1, "failed", "host", "its <loss> became NaN 🧴")
    log.started("a", 2, Claim("n", {"CPU": 2}), {"CPU": 8})
    log.ended("a", 2, "finished", "host")
    first, second = read_attempts(tmp_path / "attempts.jsonl", 0.0)
    assert (first.outcome, first.reason, first.host) == ("failed", "its <loss> became NaN 🧴", "host")
    assert (first.cpus, first.gpus, first.cluster_cpus, first.cluster_gpus) == (2, 1, 8, 4)
    assert (second.number, second.outcome, second.gpus) == (2, "finished", 0)
    assert first.began <= first.ended <= second.began <= second.ended


@pytest.mark.parametrize(
    ("records", "outcomes"),
    [
        ([], []),
        ([started(1), ended(5, "finished")], [("finished", 1, 5)]),
        ([started(1)], [("cut off", 1, 90)]),
        ([started(1), started(2, "b"), ended(7, "failed", "b")], [("cut off", 1, 90), ("failed", 2, 7)]),
        ([started(1), started(2, "b"), started(50)], [("cut off", 1, 2), ("cut off", 2, 90), ("cut off", 50, 90)]),
        ([ended(5, "finished")], []),
        ([started(5), ended(3, "finished")], [("finished", 5, 5)]),
    ],
    ids=["nothing", "finished", "still runs", "two members", "driver died", "end without start", "clock set back"],
)
def test_starts_and_ends_are_paired(
    tmp_path: Path, records: list[dict[str, Any]], outcomes: list[tuple[str, float, float]]
) -> None:
    path = tmp_path / "attempts.jsonl"
    path.write_text(lines(*records))
    assert [(one.outcome, one.began, one.ended) for one in read_attempts(path, 90.0)] == outcomes


def test_torn_lines_and_a_missing_file_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "attempts.jsonl"
    assert read_attempts(path, 0.0) == ()
    path.write_text('{"time": 1, "mem' + lines(started(2)) + "[]\n" + lines(started(3, "b")) + '{"ti')
    assert [one.member for one in read_attempts(path, 9.0)] == ["b"]


def test_usage_adds_up_what_runs_at_the_same_time() -> None:
    usage = usage_of([attempt(0, 10), attempt(5, 15, cpus=2)])
    assert usage.times == (0, 5, 10, 15)
    assert usage.cpus == (1, 3, 2, 0)
    assert usage.cpu_share == pytest.approx((10 * 1 + 10 * 2) / (15 * 4))
    assert usage.gpu_share is None


def test_without_attempts_nothing_is_occupied() -> None:
    assert usage_of([]).times == ()
    assert usage_of([attempt(3, 3)]).cpu_share is None


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(1, 1e5)), min_size=1, max_size=8))
def test_the_share_is_that_of_all_core_seconds(spans: list[tuple[float, float]]) -> None:
    attempts = [attempt(began, began + length, cluster=len(spans)) for began, length in spans]
    usage = usage_of(attempts)
    whole = (usage.times[-1] - usage.times[0]) * len(spans)
    assert usage.cpu_share == pytest.approx(sum(one.seconds for one in attempts) / whole)
    assert 0 <= (usage.cpu_share or 0) <= 1 + 1e-9
