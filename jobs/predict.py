"""Predicts new images with the ensemble of a finished run, or exports it to be used elsewhere.

python jobs/predict.py --run-dir runs/first --images photographs --out boxes.csv
python jobs/predict.py --run-dir runs/first --export ensembles/first
"""

import argparse
import sys
from pathlib import Path

from rich.console import Console

from recycle.inference.export import write_export
from recycle.orchestration.finished_run import read_ensemble
from recycle.orchestration.job import ExitStatus, run_job
from recycle.orchestration.predict_images import predict_images


def main() -> ExitStatus:
    """Runs the job."""
    arguments = parse_arguments()

    def body(console: Console) -> ExitStatus:
        ensemble = read_ensemble(arguments.run_dir)
        if arguments.model:
            ensemble = ensemble.only(arguments.model)
        if not arguments.tta:
            ensemble = ensemble.without_tta()
        if arguments.export:
            write_export(ensemble, arguments.export)
            console.print(f"Exported {len(ensemble.members)} members to {arguments.export}", soft_wrap=True)
        if arguments.images:
            predict_images(ensemble, arguments.images, arguments.out, console)
        return ExitStatus.SUCCESS

    return run_job(body, on_interrupt="Interrupted. No predictions were written.")


def parse_arguments() -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(
        description="Predict new images with a finished run's ensemble, or export the ensemble.",
        epilog="Exit status: 0 all went well, 2 invalid input, 130 interrupted.",
    )
    parser.add_argument(
        "--run-dir", type=Path, required=True, metavar="RUN", help="a finished run, or a folder that --export wrote"
    )
    parser.add_argument(
        "--images", type=Path, metavar="DIR|FILE", help="folder of images, at any depth, or a COCO file that lists them"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="for the boxes: submission .csv, COCO results .json")
    parser.add_argument("--model", metavar="NAME", help="one model alone (default: all, fused)")
    parser.add_argument(
        "--tta",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="the views of the recipe, or each image once as it is (default: --tta)",
    )
    parser.add_argument("--export", type=Path, metavar="DIR", help="write all that prediction needs to a new folder")
    arguments = parser.parse_args()
    if bool(arguments.images) != bool(arguments.out):
        parser.error("--images and --out must be given together")
    if not arguments.images and not arguments.export:
        parser.error("there is nothing to do: give --images and --out, or --export")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
