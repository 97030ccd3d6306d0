"""Shows what a model of a recipe really sees in each phase of its training, and trains nothing.

python jobs/preview.py --recipe my-recipe.yaml --data DIR --model NAME --out sheet.png
"""

import argparse
import sys
from pathlib import Path

from rich.console import Console

from recycle.orchestration.job import ExitStatus, run_job
from recycle.orchestration.preview import PreviewTask, write_preview
from recycle.recipe import Fold
from recycle.recipe_yaml import load_recipe


def main() -> ExitStatus:
    """Runs the job."""
    arguments = parse_arguments()

    def body(console: Console) -> ExitStatus:
        recipe = load_recipe(arguments.recipe, arguments.set)
        task = PreviewTask(arguments.model, arguments.fold, arguments.images, arguments.seed)
        write_preview(recipe, arguments.data, task, arguments.out)
        console.print(f"Written: {arguments.out}", soft_wrap=True)
        return ExitStatus.SUCCESS

    return run_job(body, on_interrupt="Interrupted. No preview was written.")


def parse_arguments() -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(
        description="Draw a contact sheet of what a model sees in the first epochs of each phase of its training.",
        epilog="Exit status: 0 all went well, 2 invalid input, 130 interrupted.",
    )
    parser.add_argument(
        "--recipe", default="demo", metavar="NAME|FILE", help="a shipped recipe or a YAML file (default: demo)"
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="folder with annotations.json (COCO) and the images (default: a drawn sample)",
    )
    parser.add_argument("--model", required=True, metavar="NAME", help="a model of the recipe")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="the sheet, .png or .jpg")
    parser.add_argument(
        "--fold", type=parse_fold, metavar="N|all", help="the fold left out (default: the model's first)"
    )
    parser.add_argument("--images", type=int, default=4, metavar="N", help="images to show (default: 4)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="another one shows other images (default: 0)")
    parser.add_argument(
        "--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE", help="change the recipe, as seed=1"
    )
    arguments = parser.parse_args()
    if arguments.images < 1 or arguments.seed < 0:
        parser.error("--images must be at least 1, and --seed at least 0")
    return arguments


def parse_fold(text: str) -> Fold:
    """Parses the number of a fold or `all`."""
    if text != "all" and not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be a number or 'all', but got {text!r}")
    return "all" if text == "all" else int(text)


if __name__ == "__main__":
    sys.exit(main())
