"""Entering submissions of runs, and what is told of them."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from recycle.errors import RecycleError
from recycle.orchestration.leaderboard import add_submission, show_leaderboard
from recycle.paths import RunPaths, leaderboard_of
from recycle.recipe_yaml import write_recipe
from recycle.report.leaderboard import read_leaderboard
from tests.recipes import example_recipe


def finished_run(root: Path, score: float | None) -> Path:
    """A folder with all that is read of a finished run here."""
    paths = RunPaths(root)
    root.mkdir(parents=True)
    write_recipe(example_recipe(), paths.recipe)
    paths.results.write_text(json.dumps({"ensemble": {"oof": {"map50": score}}}))
    return root


def shown(runs: Path) -> str:
    console = Console(width=200, markup=False, emoji=False, highlight=False)
    with console.capture() as capture:
        show_leaderboard(runs, console)
    return capture.get()


def test_a_submission_is_entered_beside_the_runs_with_its_validation_score(tmp_path: Path) -> None:
    add_submission(finished_run(tmp_path / "first", 0.6), public=0.588, private=None, note="[red]note :cat:")
    (submission,) = read_leaderboard(leaderboard_of(tmp_path))
    assert (submission.run, submission.validation, submission.public) == ("first", 0.6, 0.588)
    assert submission.time.endswith("+00:00")
    assert "[red]note :cat:" in shown(tmp_path)


def test_runs_that_were_not_submitted_are_told_what_to_expect(tmp_path: Path) -> None:
    for number in range(3):
        run = finished_run(tmp_path / f"run{number}", 0.5 + number / 100)
        add_submission(run, public=0.4 + number / 100, private=None, note="")
    finished_run(tmp_path / "next", 0.6)
    finished_run(tmp_path / "unscored", None)
    text = shown(tmp_path)
    assert "next, with a validation score of 0.6000, is expected to score 0.5000 (0.5000 to 0.5000)" in text
    assert "a rank correlation of 1.00 over 3 submissions" in text
    assert "unscored" not in text
    assert "private leaderboard" not in text


def test_no_submission_is_no_error(tmp_path: Path) -> None:
    assert "no submission was entered yet" in shown(tmp_path)
    with pytest.raises(RecycleError, match="nowhere: there is no such folder"):
        shown(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("missing", "public", "message"),
    [
        ("recipe.yaml", 0.5, "there is no run in this folder, as recipe.yaml is missing"),
        ("results.json", 0.5, "this run has not finished, as results.json is missing"),
        (None, 58.8, "public score must be between 0 and 1 inclusive, but got public=58.8"),
        (None, None, "must have a public or a private score, but has neither"),
    ],
)
def test_what_cannot_be_entered_leaves_no_trace(
    tmp_path: Path, missing: str | None, public: float | None, message: str
) -> None:
    run = finished_run(tmp_path / "first", 0.6)
    if missing:
        (run / missing).unlink()
    with pytest.raises(RecycleError, match=message):
        add_submission(run, public=public, private=None, note="")
    assert not leaderboard_of(tmp_path).exists()


def test_folders_and_results_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecycleError, match="nowhere: there is no such folder"):
        add_submission(tmp_path / "nowhere", public=0.5, private=None, note="")
    run = finished_run(tmp_path / "first", 0.6)
    (run / "results.json").write_text("[]")
    with pytest.raises(RecycleError, match=r"results.json: not the results of a run"):
        add_submission(run, public=0.5, private=None, note="")


def test_nothing_is_entered_behind_a_broken_line(tmp_path: Path) -> None:
    run = finished_run(tmp_path / "first", 0.6)
    leaderboard_of(tmp_path).write_text("nonsense\n")
    with pytest.raises(RecycleError, match=r"leaderboard.jsonl:1: not a line of a leaderboard"):
        add_submission(run, public=0.5, private=None, note="")
    assert leaderboard_of(tmp_path).read_text() == "nonsense\n"
