"""Opens dashboards on a run or a search: optuna-dashboard on its journals, TensorBoard on its curves.

    python jobs/dashboard.py runs/search

They listen on loopback alone; what is printed tells how to reach them from another machine.
"""

import argparse
import sys
from pathlib import Path

from rich.console import Console

from recycle.orchestration.dashboards import open_dashboards
from recycle.orchestration.job import ExitStatus, run_job

FIRST_PORT = 8080


def main(arguments: list[str] | None = None) -> int:
    """Runs the job."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a run or a search, finished or not")
    parser.add_argument(
        "--port", type=int, default=FIRST_PORT, metavar="N", help="the first port to listen on (default: 8080)"
    )
    options = parser.parse_args(arguments)

    def body(console: Console) -> ExitStatus:
        open_dashboards(options.run, options.port, console)
        return ExitStatus.SUCCESS

    return run_job(body, "The dashboards are closed.")


if __name__ == "__main__":
    sys.exit(main())
