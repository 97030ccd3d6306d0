"""Entering what runs scored on leaderboards, and telling what that teaches: what lies behind `jobs/leaderboard.py`."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from rich.console import Console

from recycle.data.json_files import read_json
from recycle.errors import DataError, ResumeError
from recycle.orchestration.open_run import require_run
from recycle.paths import RunPaths, leaderboard_of
from recycle.recipe.settings import main_score
from recycle.report.leaderboard import Board, Submission, append_submission, read_leaderboard
from recycle.report.leaderboard_relation import relate
from recycle.report.leaderboard_tables import expectation_line, leaderboard_table, relation_lines


def add_submission(root: Path, *, public: float | None, private: float | None, note: str) -> Submission:
    """Enters what a run scored in the leaderboard beside it, together with its validation score as it is now.

    Args:
        root: The run folder.
        public: Score on the public leaderboard, 0 to 1.
        private: Score on the private one.
        note: Anything.

    Raises:
        ResumeError: If there is no finished run.
        DataError: If a score is out of its range, there is none, or a line of the leaderboard is broken.
    """
    paths = RunPaths(root)
    require_run(paths)
    if not paths.results.is_file():
        raise ResumeError(f"{root}: this run has not finished, as {paths.results.name} is missing: nothing to submit")
    submission = Submission(
        run=root.absolute().name,
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        validation=validation_score(paths),
        public=public,
        private=private,
        note=note,
    )
    read_leaderboard(paths.leaderboard)
    append_submission(submission, paths.leaderboard)
    return submission


def show_leaderboard(runs: Path, console: Console) -> None:
    """Shows all submissions of the runs in a folder, how validation relates to them, and what other runs may score.

    Raises:
        DataError: If there is no such folder, or a line of the leaderboard or the results of a run cannot be read.
    """
    if not runs.is_dir():
        raise DataError(f"{runs}: there is no such folder")
    path = leaderboard_of(runs)
    submissions = read_leaderboard(path)
    if not submissions:
        console.print(f"{path}: no submission was entered yet")
        return
    console.print(leaderboard_table(submissions))
    for board in get_args(Board):
        if any(one.on(board) is not None for one in submissions):
            for line in _lines(runs, submissions, board):
                console.print(line)


def validation_score(paths: RunPaths) -> float | None:
    """The ensemble's pooled out-of-fold main score of a finished run; None where there was nothing to score against.

    Raises:
        DataError: If the results cannot be read.
    """
    document: Any = read_json(paths.results)
    try:
        score: float | None = main_score(document["ensemble"]["oof"])
    except (KeyError, TypeError) as error:
        raise DataError(f"{paths.results}: not the results of a run: {error!r}") from None
    return score


def _lines(runs: Path, submissions: tuple[Submission, ...], board: Board) -> Iterator[str]:
    relation = relate(submissions, board)
    yield from relation_lines(relation)
    submitted = {one.run for one in submissions if one.on(board) is not None}
    for results in sorted(runs.glob(f"*/{RunPaths(runs).results.name}")):
        score = validation_score(RunPaths(results.parent))
        if results.parent.name not in submitted and score is not None:
            line = expectation_line(relation, results.parent.name, score)
            if line:
                yield line
