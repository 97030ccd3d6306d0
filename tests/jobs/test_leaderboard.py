"""The job as a user runs it; what it does is tested in tests/orchestration/test_leaderboard.py."""

from pathlib import Path

from tests.orchestration.job import run_job
from tests.orchestration.test_leaderboard import finished_run


def test_submissions_are_entered_and_listed(tmp_path: Path) -> None:
    finished_run(tmp_path / "runs" / "first", 0.6)
    note = '<b>"메모"</b> [red] :cat:'
    add = ["add", "runs/first", "--public", "0.588", "--private", "0.4789", "--note", note]
    status, output, errors = run_job("leaderboard", *add, folder=tmp_path)
    assert (status, errors) == (0, "")
    assert "0.5880" in output
    status, output, _ = run_job("leaderboard", "list", folder=tmp_path)
    assert status == 0
    assert all(word in output for word in ("0.6000", "0.5880", "0.4789", '<b>"메모"</b>', "[red]", ":cat:"))


def test_what_the_user_has_to_mend_is_said(tmp_path: Path) -> None:
    finished_run(tmp_path / "runs" / "first", 0.6)
    status, _, errors = run_job("leaderboard", "add", "runs/first", "--public", "58.8", folder=tmp_path)
    assert status == 2
    assert "Error: public score must be between 0 and 1 inclusive, but got public=58.8" in errors
    assert not (tmp_path / "runs" / "leaderboard.jsonl").exists()
