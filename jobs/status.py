"""Tells where a run stands: its members, what is left to do, and what scores best so far. Reads files alone."""

import argparse
import sys
from pathlib import Path

from rich.console import Console

from recycle.orchestration.job import ExitStatus, run_job
from recycle.orchestration.run_status import read_status
from recycle.report.status import status_lines, status_table


def main(arguments: list[str] | None = None) -> int:
    """Runs the job."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a run, finished or not")
    options = parser.parse_args(arguments)

    def body(console: Console) -> ExitStatus:
        status = read_status(options.run)
        console.print(status_table(status))
        for line in status_lines(status):
            console.print(line)
        return ExitStatus.SUCCESS

    return run_job(body, "Interrupted.")


if __name__ == "__main__":
    sys.exit(main())
