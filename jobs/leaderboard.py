"""Records what submissions scored, and tells how far validation predicts the leaderboard.

    python jobs/leaderboard.py add runs/first --public 0.588 --note "with test-time augmentation"
    python jobs/leaderboard.py list runs

Scores are kept in `leaderboard.jsonl` beside the runs.
"""

import argparse
import sys
from pathlib import Path

from rich.console import Console

from recycle.orchestration.job import ExitStatus, run_job
from recycle.orchestration.leaderboard import add_submission, show_leaderboard


def main(arguments: list[str] | None = None) -> int:
    """Runs the job."""
    options = _parse(arguments)

    def body(console: Console) -> ExitStatus:
        if options.action == "add":
            add_submission(options.run, public=options.public, private=options.private, note=options.note)
        show_leaderboard(options.run.absolute().parent if options.action == "add" else options.runs, console)
        return ExitStatus.SUCCESS

    return run_job(body, "Interrupted.")


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    description = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(description=description)
    actions = parser.add_subparsers(dest="action", required=True, metavar="add|list")
    add = actions.add_parser("add", help="records what a run's submission scored")
    add.add_argument("run", type=Path, metavar="RUN", help="folder of a finished run")
    add.add_argument("--public", type=float, metavar="X", help="score on the public leaderboard, 0 to 1")
    add.add_argument("--private", type=float, metavar="X", help="score on the private leaderboard, 0 to 1")
    add.add_argument("--note", default="", metavar="TEXT", help="anything worth remembering")
    shown = actions.add_parser("list", help="shows all submissions")
    shown.add_argument("runs", type=Path, nargs="?", default=Path("runs"), metavar="FOLDER", help="(default: runs)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
