"""Trains, predicts and fuses everything a recipe asks for, and writes the submission.

The same script runs on a laptop (`python jobs/train_all.py`) and on a cluster
(`ray submit cluster.yaml jobs/train_all.py -- --recipe demo`).
"""

import argparse
import sys
import time
from pathlib import Path

from rich.console import Console

from recycle.errors import RecycleError
from recycle.orchestration.interruption import interruptible
from recycle.orchestration.run import run
from recycle.recipe_yaml import load_recipe

SOME_MEMBERS_FAILED = 1
INVALID_INPUT = 2
INTERRUPTED = 130


def main() -> int:
    """Runs the job; returns its exit status."""
    arguments = parse_arguments()
    console = Console(highlight=False, markup=False, emoji=False)
    errors = Console(stderr=True, soft_wrap=True)
    root = arguments.run_dir
    try:
        recipe = load_recipe(arguments.recipe, arguments.set)
        root = root or Path("runs") / f"{recipe.name}-{time.strftime('%Y%m%d-%H%M%S')}"
        with interruptible():
            results = run(recipe, arguments.data, root, resume=arguments.resume, console=console)
    except RecycleError as error:
        errors.print(f"Error: {error}", markup=False, highlight=False)
        return INVALID_INPUT
    except KeyboardInterrupt:
        errors.print(f"Interrupted. Continue with --run-dir {root} --resume", markup=False, highlight=False)
        return INTERRUPTED
    return SOME_MEMBERS_FAILED if results.failed else 0


def parse_arguments() -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(
        description="Train every model of a recipe on every fold, fuse the predictions, and write a submission.",
        epilog="Exit status: 0 all went well, 1 some members failed (the rest was fused), 2 invalid input, "
        "130 interrupted.",
    )
    parser.add_argument(
        "--recipe", default="demo", metavar="NAME|FILE", help="a shipped recipe or a YAML file (default: demo)"
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="folder with annotations.json (COCO), optionally test.json, and the images; without it a synthetic "
        "sample is drawn",
    )
    parser.add_argument(
        "--run-dir", type=Path, metavar="RUN", help="where everything goes (default: runs/<recipe>-<time>)"
    )
    parser.add_argument(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="change the recipe, for example models.0.epochs=2 seed=1",
    )
    parser.add_argument("--resume", action="store_true", help="continue the run in RUN; nothing finished is redone")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
