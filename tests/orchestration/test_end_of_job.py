"""Times of a command line."""

import argparse
import math
from datetime import UTC, datetime, timedelta

import pytest

from recycle.orchestration.end_of_job import DEADLINE, TIME_BUDGET, duration, seconds_until


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("10m", 600), ("1.5h", 5400)])
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["10", "0m", "-1h", "1d", "", "h"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(
        argparse.ArgumentTypeError, match="must be a positive number with s, m or h, as in 10m, but got"
    ):
        duration(text)


def test_a_deadline_is_told_in_seconds_from_now() -> None:
    moment = datetime.now(UTC) + timedelta(hours=2)
    assert seconds_until(moment.isoformat()) == pytest.approx(7200, abs=5)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("tomorrow", "must be a time as 2026-12-01T09:00\\+09:00, but got 'tomorrow'"),
        ("2099-12-01T09:00", "must say its offset from UTC"),
        ("2001-12-01T09:00+09:00", "must lie in the future"),
    ],
)
def test_what_is_no_deadline_is_refused(text: str, told: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=told):
        seconds_until(text)


def test_without_either_there_is_no_hurry() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--time-budget", **TIME_BUDGET)
    parser.add_argument("--deadline", **DEADLINE)
    assert parser.parse_args([]).seconds == math.inf
    assert parser.parse_args(["--time-budget", "2m"]).seconds == 120
