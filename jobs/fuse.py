"""Fuses prediction files from anywhere into one: submission CSVs, COCO results, ultralytics text, finished runs."""

import argparse
import re
import sys
from pathlib import Path
from typing import get_args

from rich.console import Console

from recycle.fusion.methods import FusionSettings, Method
from recycle.fusion.wbf import ConfidenceType
from recycle.orchestration.fuse_files import fuse_files
from recycle.orchestration.job import ExitStatus, run_job


def main() -> ExitStatus:
    """Runs the job."""
    arguments = parse_arguments()

    def body(console: Console) -> ExitStatus:
        fuse_files(
            arguments.inputs,
            arguments.out,
            FusionSettings(
                method=arguments.method,
                conf_type=arguments.conf_type,
                iou_thr=arguments.iou_thr,
                skip_box_thr=arguments.skip_box_thr,
                weights=tuple(arguments.weights),
            ),
            truth=arguments.truth,
            image_size=arguments.image_size,
            strict=arguments.strict,
            allow_missing=arguments.allow_missing,
            console=console,
        )
        return ExitStatus.SUCCESS

    return run_job(body, on_interrupt="Interrupted; nothing was written.")


def parse_arguments() -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog="Exit status: 0 all went well, 2 invalid input, 130 interrupted."
    )
    add, default = parser.add_argument, FusionSettings()
    add("--inputs", nargs="+", type=Path, required=True, metavar="FILE|DIR|RUN", help="what to fuse, told by content")
    add("--out", type=Path, required=True, metavar="FILE", help="a submission (.csv) or COCO results (.json)")
    add("--image-size", type=image_size, metavar="N|WxH", help="size of all images, if neither truth nor run tells")
    truth = "COCO file: sizes and ids of the images; if it has annotations, every input and the result are scored"
    add("--truth", type=Path, metavar="FILE", help=truth)
    add("--weights", nargs="+", type=float, default=[], metavar="W", help="one for each input (default: equal ones)")
    add("--method", default=default.method, choices=get_args(Method), help="(default: %(default)s)")
    add("--conf-type", default=default.conf_type, choices=get_args(ConfidenceType), help="(default: %(default)s)")
    add("--iou-thr", type=float, default=default.iou_thr, metavar="X", help="(default: %(default)s)")
    add("--skip-box-thr", type=float, default=default.skip_box_thr, metavar="X", help="(default: %(default)s)")
    add("--strict", action="store_true", help="refuse boxes without area or beyond their image instead of mending them")
    add("--allow-missing", action="store_true", help="fuse each image from the inputs that have it")
    return parser.parse_args()


def image_size(text: str) -> tuple[int, int]:
    """Reads width and height in pixels from `512` or `1024x768`."""
    match = re.fullmatch(r"([1-9]\d*)(?:x([1-9]\d*))?", text)
    if not match:
        raise argparse.ArgumentTypeError(f"must be like 512 or 1024x768, but got {text!r}")
    return int(match[1]), int(match[2] or match[1])


if __name__ == "__main__":
    sys.exit(main())
