"""Speed and memory of our training, against the stock training of the libraries that the networks come from.

Run it as `python benchmarks/training.py --data DIR`, on a GPU or, for a look at it, on the CPU with few steps of small
images. The folder holds `annotations.json` and images. Each training has a process of its own and really trains: it
reads and augments images, steps the optimiser and, after each epoch, writes a checkpoint. Nothing is validated.

Stock is, for the families of mmdet, its `tools/train.py` in this process: the Runner that mmengine builds from the
configuration that mmdet ships, with its data pipeline; for YOLO, ultralytics' trainer. effdet's package has no
training. Where mmcv is not compiled, mmdet trains on our operators in place of mmcv's, as we do, so what those cost is
on both sides. Told to both sides are images, their size and augmentation (a flip), batch size, worker processes,
precision, kind of optimiser with a constant learning rate, and initial weights: random, with nothing frozen, unless
`--pretrained imagenet` finds those of the backbone (YOLO has none). The rest is each side's own: we clip gradients and
keep track of the loss, mmdet makes batches of images of like orientation, which need less padding, and ultralytics pads
each image to a square and takes no workers on the CPU.

Figures are of the steps after three of warm-up: the median of images a second; the most memory that PyTorch reserved
on the GPU, or that the process held where there is none.
"""

import argparse
import multiprocessing
import statistics
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from training_sides import MODELS, STOCK, WARM_UP_STEPS, Conditions, Steps, Training, train_ours

from recycle.data.coco import Dataset, read_coco
from recycle.errors import DataError
from recycle.training.stepping import resolve_precision

GIB = 2**30


@dataclass(frozen=True)
class Measured:
    """What one side's training showed."""

    rate: float
    memory_gib: float
    trained: int
    first_loss: float
    last_loss: float


def measure(train: Training, family: str, conditions: Conditions) -> Measured:
    steps = Steps()
    with TemporaryDirectory() as folder:
        train(family, conditions, Path(folder), steps)
    rate = statistics.median(steps.rates[WARM_UP_STEPS:])
    return Measured(rate, peak_memory_gib(), steps.trained, steps.losses[0], steps.losses[-1])


def peak_memory_gib() -> float:
    if torch.cuda.is_available():
        return torch.cuda.max_memory_reserved() / GIB
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")) / GIB


def compare(families: Sequence[str], conditions: Conditions) -> Table:
    table = Table(
        "model", "trained by", "img/s", "ratio", "peak GiB", "ratio", "trained M", "loss", title=title(conditions)
    )
    table.caption = f"Operators of mmcv, on both sides: {operators()}"
    for family in families:
        library, train_stock = STOCK.get(family, ("effdet", None))
        ours = attempt(train_ours, family, conditions)
        stock = attempt(train_stock, family, conditions) if train_stock else "has no training to compare"
        table.add_row(family, "recycle", *cells(ours, stock))
        table.add_row("", library, *cells(stock), end_section=True)
    return table


def attempt(train: Training, family: str, conditions: Conditions) -> Measured | str:
    """Measures a training, or says why it failed: the others are to be measured all the same."""
    # In a process of its own: what one training leaves in memory must not count for the next.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        try:
            return process.submit(measure, train, family, conditions).result()
        except Exception as error:
            return escape(f"failed: {type(error).__name__}: {error}")


def cells(side: Measured | str, other: Measured | str | None = None) -> list[str]:
    if isinstance(side, str):
        return ["", "", "", "", "", side]
    ratios = ["", ""]
    if isinstance(other, Measured):
        ratios = [f"{side.rate / other.rate:.2f}", f"{side.memory_gib / other.memory_gib:.2f}"]
    losses = f"{side.first_loss:.3f} -> {side.last_loss:.3f}"
    rate, memory = f"{side.rate:.2f}", f"{side.memory_gib:.2f}"
    return [rate, ratios[0], memory, ratios[1], f"{side.trained / 1e6:.2f}", losses]


def title(conditions: Conditions) -> str:
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {torch.get_num_threads()} threads"
    return (
        f"Training at {conditions.image_size} px, batch {conditions.batch_size}, median of {conditions.steps} steps, "
        f"{resolve_precision(conditions.precision)}, weights {conditions.pretrained}, on {device}"
    )


def operators() -> str:
    spec = find_spec("mmcv._ext")
    return "compiled" if spec and spec.origin else "recycle's, as mmcv is not compiled"


def read_images(folder: Path, steps: int, batch_size: int) -> Dataset:
    """Reads as many images with boxes as the steps need, or as there are; all batches are full."""
    dataset = read_coco(folder / "annotations.json", folder)
    with_boxes = [number for number, boxes in dataset.annotations_by_image().items() if boxes]
    batches = min(len(with_boxes) // batch_size, WARM_UP_STEPS + steps)
    if not batches:
        raise DataError(f"{folder}: a batch needs {batch_size} images with boxes, but there are {len(with_boxes)}")
    return dataset.subset(with_boxes[: batches * batch_size])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of annotations.json and images")
    parser.add_argument("--families", nargs="+", choices=MODELS, default=list(MODELS), help="all unless told otherwise")
    parser.add_argument("--image-size", type=int, default=512, help="longer side of an image, in pixels")
    parser.add_argument("--batch-size", type=int, default=8, help="images a step")
    parser.add_argument("--steps", type=int, default=50, help="how many are measured, after three of warm-up")
    parser.add_argument("--workers", type=int, default=2, help="processes that load images, beside the one that trains")
    parser.add_argument("--precision", choices=("auto", "fp32", "bf16"), default="auto", help="as in a recipe")
    parser.add_argument("--pretrained", choices=("none", "imagenet"), default="none", help="as in a recipe")
    arguments = vars(parser.parse_args())
    families, folder = arguments.pop("families"), arguments.pop("data")
    dataset = read_images(folder, arguments["steps"], arguments["batch_size"])
    Console().print(compare(families, Conditions(dataset, **arguments)))


if __name__ == "__main__":
    main()
