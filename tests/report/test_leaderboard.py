"""The file of submissions: what is entered comes back, and what is wrong is told with its line."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recycle.errors import DataError
from recycle.report.leaderboard import Submission, append_submission, read_leaderboard

SUBMISSION = Submission("first", "2026-01-02T03:04:05+00:00", 0.6, 0.588, None, "")

scores = st.none() | st.floats(0, 1)
texts = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "leaderboard.jsonl"


@given(st.lists(st.builds(Submission, texts, texts, scores, st.floats(0, 1), scores, texts)))
def test_what_is_entered_comes_back(tmp_path_factory: pytest.TempPathFactory, submissions: list[Submission]) -> None:
    path = tmp_path_factory.mktemp("runs") / "leaderboard.jsonl"
    for submission in submissions:
        append_submission(submission, path)
    assert read_leaderboard(path) == tuple(submissions)


def test_notes_may_hold_anything(path: Path) -> None:
    submission = replace(SUBMISSION, note='<b>"재활용" ♻️</b>\nsecond line')
    append_submission(submission, path)
    assert len(path.read_text(encoding="utf-8").splitlines()) == 1
    assert "재활용" in path.read_text(encoding="utf-8")
    assert read_leaderboard(path) == (submission,)


def test_where_nothing_was_submitted_nothing_is_read(path: Path) -> None:
    assert read_leaderboard(path) == ()


def test_an_entry_after_a_torn_line_stands_on_its_own(path: Path) -> None:
    path.write_bytes(b'{"run": "fir')
    append_submission(SUBMISSION, path)
    assert path.read_bytes().startswith(b'{"run": "fir\n{')
    with pytest.raises(DataError, match=r"leaderboard.jsonl:1: not a line of a leaderboard"):
        read_leaderboard(path)


@pytest.mark.parametrize("score", [-0.1, 1.1, 58.8, float("nan")])
@pytest.mark.parametrize("name", ["validation", "public", "private"])
def test_scores_are_between_0_and_1(name: str, score: float) -> None:
    with pytest.raises(DataError, match=f"{name} score must be between 0 and 1 inclusive, but got {name}={score}"):
        Submission(**{**vars(SUBMISSION), name: score})


def test_a_submission_has_a_score() -> None:
    with pytest.raises(DataError, match="a submission of first must have a public or a private score"):
        replace(SUBMISSION, public=None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"public": 58.8}, "public score must be between 0 and 1 inclusive, but got public=58.8"),
        ({"public": "0.5"}, "public must not be '0.5'"),
        ({"public": True}, "public must not be True"),
        ({"run": None}, "run must not be None"),
        ({"more": 1}, "not a line of a leaderboard: .*more"),
    ],
)
def test_a_broken_line_is_told_with_its_number(path: Path, change: dict[str, object], message: str) -> None:
    append_submission(SUBMISSION, path)
    with path.open("a") as file:
        file.write(json.dumps({**vars(SUBMISSION), **change}) + "\n")
    with pytest.raises(DataError, match=f"leaderboard.jsonl:2: {message}"):
        read_leaderboard(path)


@pytest.mark.parametrize("line", ["nonsense", "[]", "1", '{"run": "first"}', "null"])
def test_what_is_no_submission_is_refused(path: Path, line: str) -> None:
    path.write_text(line)
    with pytest.raises(DataError, match=r"leaderboard.jsonl:1: not a line of a leaderboard"):
        read_leaderboard(path)
