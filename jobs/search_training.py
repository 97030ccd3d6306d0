"""Searches better training settings for one model of a recipe: losses, optimiser, augmentations, image size.

    python jobs/search_training.py --recipe demo --model yolov5 --data DIR --run-dir runs/search --trials 30
    python jobs/search_training.py --recipe demo --model yolov5 --run-dir runs/search --time-budget 8h --resume

The best settings are trained at full size and compared with the recipe's own over several seeds. `winner.yaml` in the
folder is a recipe that `jobs/train_all.py` takes as it is.
"""

import argparse
import shlex
import sys
from pathlib import Path

from rich.console import Console

from recycle.orchestration.end_of_job import DEADLINE, TIME_BUDGET
from recycle.orchestration.job import ExitStatus, run_job
from recycle.orchestration.search_training import search_training
from recycle.recipe_yaml import load_recipe


def main(arguments: list[str] | None = None) -> int:
    """Runs the job."""
    options = _parse(arguments)

    def body(console: Console) -> ExitStatus:
        recipe = load_recipe(options.recipe, _changes(options))
        search_training(
            recipe,
            options.data,
            options.run_dir,
            options.model,
            resume=options.resume,
            seconds=options.seconds,
            console=console,
        )
        return ExitStatus.SUCCESS

    again = shlex.join([*(one for one in sys.argv if one != "--resume"), "--resume"])
    return run_job(body, on_interrupt=f"Interrupted. To continue: python {again}")


def _changes(options: argparse.Namespace) -> list[str]:
    trials = [] if options.trials is None else [f"search.trials={options.trials}"]
    space = [] if options.space is None else [f"search.space={options.space}"]
    return [*options.set, *trials, *space]


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--recipe", required=True, metavar="NAME|FILE", help="a shipped recipe or a YAML file")
    parser.add_argument(
        "--data", default="", metavar="DIR|ADDRESS", help="as for train_all.py (default: a drawn sample)"
    )
    parser.add_argument("--model", required=True, metavar="NAME", help="the model of the recipe to improve")
    parser.add_argument("--run-dir", type=Path, required=True, metavar="RUN", help="where everything goes")
    parser.add_argument("--trials", type=int, metavar="N", help="settings to try in all, those known before counted")
    parser.add_argument("--space", metavar="MODULE:FUNCTION", help="what is tried (default: as the recipe says)")
    end = parser.add_mutually_exclusive_group()
    end.add_argument("--time-budget", **TIME_BUDGET)
    end.add_argument("--deadline", **DEADLINE)
    parser.add_argument("--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE", help="change the recipe")
    parser.add_argument("--resume", action="store_true", help="continue the search in RUN; no trial is done again")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
