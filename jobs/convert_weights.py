"""Converts a checkpoint of ultralytics (.pt) to safetensors, which a recipe's `pretrained` takes.

A .pt file is a program as much as it is data: opening it executes whatever it holds. No other job opens such files, and
this one does so only when told that the file can be trusted.
"""

import argparse
import sys
from pathlib import Path

from rich.console import Console

from recycle.environment import keep_private
from recycle.errors import WeightsError
from recycle.orchestration.job import ExitStatus, run_job


def main() -> ExitStatus:
    """Runs the job."""
    arguments = parse_arguments()

    def body(console: Console) -> ExitStatus:
        if not arguments.i_trust_this_file:
            raise WeightsError(
                f"{arguments.source}: opening this file executes whatever it holds; "
                f"if you trust where it comes from, add --i-trust-this-file"
            )
        keep_private()
        from recycle.models.conversion import convert_ultralytics  # noqa: PLC0415 - torch takes seconds to import

        count = convert_ultralytics(arguments.source, arguments.target)
        console.print(f"{arguments.target}: {count} tensors. In a recipe: pretrained: {arguments.target}")
        return ExitStatus.SUCCESS

    return run_job(body, on_interrupt="Interrupted. Nothing was written.")


def parse_arguments() -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(
        description="Convert a checkpoint of ultralytics, whose opening executes what it holds, to plain tensors.",
        epilog="Exit status: 0 all went well, 2 invalid input, 130 interrupted.",
    )
    parser.add_argument("source", type=Path, metavar="IN.pt", help="the checkpoint, for example yolov5su.pt")
    parser.add_argument("target", type=Path, metavar="OUT.safetensors", help="the file to write")
    parser.add_argument(
        "--i-trust-this-file", action="store_true", help="IN.pt comes from a source that may run programs here"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
