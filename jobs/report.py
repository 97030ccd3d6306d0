"""Writes the report of a run, finished or not, as one page for a browser; of several, the first beside the others."""

import argparse
import sys
from pathlib import Path

from rich.console import Console

from recycle.orchestration.job import ExitStatus, run_job
from recycle.orchestration.report import write_report


def main() -> ExitStatus:
    """Runs the job."""
    arguments = parse_arguments()

    def body(console: Console) -> ExitStatus:
        first, *others = arguments.runs
        console.print(f"Report: {write_report(first, others, export=arguments.export)}", soft_wrap=True)
        if arguments.export:
            console.print(f"Exports: {arguments.export}", soft_wrap=True)
        return ExitStatus.SUCCESS

    return run_job(body, on_interrupt="Interrupted; the report was not written.")


def parse_arguments() -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog="Exit status: 0 all went well, 2 invalid input, 130 interrupted."
    )
    parser.add_argument(
        "runs", nargs="+", type=Path, metavar="RUN", help="run folders; the page goes to RUN/report.html of the first"
    )
    parser.add_argument(
        "--export",
        type=Path,
        metavar="FOLDER",
        help="also write all tables as CSV, and the data set with all out-of-fold predictions for FiftyOne",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
