"""Searches the best fusion of a finished run's models again, for longer or by another recipe of fusion.

    python jobs/search_ensemble.py --run-dir runs/first --trials 400
    python jobs/search_ensemble.py --run-dir runs/first --time-budget 10m

The results, the submission and the pictures in the run folder become those of the ensemble found. An interrupted
search is continued by the same command.
"""

import argparse
import sys
from pathlib import Path

from rich.console import Console

from recycle.orchestration.end_of_job import duration
from recycle.orchestration.job import ExitStatus, run_job
from recycle.orchestration.search_ensemble import search_ensemble


def main(arguments: list[str] | None = None) -> int:
    """Runs the job."""
    options = _parse(arguments)

    def body(console: Console) -> ExitStatus:
        search_ensemble(
            options.run_dir, console, trials=options.trials, time_budget_s=options.time_budget, changes=options.set
        )
        return ExitStatus.SUCCESS

    return run_job(body, "Interrupted. The same command continues the search.")


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    description = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--run-dir", type=Path, required=True, metavar="RUN", help="folder of a finished run")
    parser.add_argument(
        "--trials", type=int, metavar="N", help="settings to try in all, those of earlier searches counted"
    )
    parser.add_argument(
        "--time-budget", type=duration, metavar="10m", help="ends the search after so long: a number with s, m or h"
    )
    parser.add_argument(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="changes the recipe's fusion, as in fusion.metric=map",
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
