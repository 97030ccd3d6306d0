"""Trains, predicts and fuses everything a recipe asks for, and writes the submission.

The same script runs on a laptop (`python jobs/train_all.py`) and on a cluster
(`ray submit cluster.yaml jobs/train_all.py -- --recipe demo`).
"""

import argparse
import shlex
import sys
import time
from pathlib import Path

from rich.console import Console

from recycle.orchestration.end_of_job import DEADLINE, TIME_BUDGET
from recycle.orchestration.job import ExitStatus, run_job
from recycle.orchestration.plan_report import foresee
from recycle.orchestration.resuming import RESUME, is_resumed
from recycle.orchestration.run import run
from recycle.recipe_yaml import load_recipe


def main() -> ExitStatus:
    """Runs the job."""
    arguments = parse_arguments()
    default = Path("runs") / f"{Path(arguments.recipe).stem}-{time.strftime('%Y%m%d-%H%M%S')}"
    root = arguments.run_dir or default

    def body(console: Console) -> ExitStatus:
        recipe = load_recipe(arguments.recipe, arguments.set)
        seconds, resume = arguments.seconds, is_resumed(arguments.resume, recipe, root)
        results = run(recipe, arguments.data, root, resume=resume, console=console, seconds=seconds)
        return ExitStatus.MEMBERS_FAILED if results.failed else ExitStatus.SUCCESS

    def plan_only(console: Console) -> ExitStatus:
        recipe = load_recipe(arguments.recipe, arguments.set)
        foresee(recipe, arguments.data, arguments.gpus, probe=arguments.probe, console=console)
        return ExitStatus.SUCCESS

    if arguments.plan or arguments.probe:
        return run_job(plan_only, on_interrupt="Interrupted.")
    return run_job(body, on_interrupt=f"Interrupted. To continue, add --run-dir {shlex.quote(str(root))} --resume")


def parse_arguments() -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(
        description="Train every model of a recipe on every fold, fuse the predictions, and write a submission.",
        epilog="Exit status: 0 all went well, 1 members failed (the rest was fused), 2 invalid input, 130 interrupted.",
    )
    parser.add_argument(
        "--recipe", default="demo", metavar="NAME|FILE", help="a shipped recipe or a YAML file (default: demo)"
    )
    parser.add_argument(
        "--data",
        default="",
        metavar="DIR|ADDRESS",
        help="annotations.json (COCO), perhaps test.json, and images, in a folder or s3:// (default: a drawn sample)",
    )
    parser.add_argument(
        "--run-dir", type=Path, metavar="RUN", help="where everything goes (default: runs/<recipe>-<time>)"
    )
    change = "change the recipe, as models.0.epochs=2 seed=1"
    parser.add_argument("--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE", help=change)
    parser.add_argument("--resume", **RESUME)
    end = parser.add_mutually_exclusive_group()
    end.add_argument("--time-budget", **TIME_BUDGET)
    end.add_argument("--deadline", **DEADLINE)
    parser.add_argument("--plan", action="store_true", help="print what the run would take, and train nothing")
    parser.add_argument("--probe", action="store_true", help="time a few steps of each model here, then print the plan")
    parser.add_argument("--gpus", type=int, metavar="N", help="plan for N GPUs")
    arguments = parser.parse_args()
    if arguments.gpus is not None and not (arguments.gpus > 0 and (arguments.plan or arguments.probe)):
        parser.error("--gpus must be at least 1 and goes with --plan or --probe")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
