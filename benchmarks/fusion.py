"""Speed of weighted boxes fusion against `ensemble_boxes`, of a search's trial, and how both grow.

Run it as `python benchmarks/fusion.py`. Both sides get the same drawn boxes in the same process. `ensemble_boxes` and
pycocotools see a random subset of the images, and their times are multiplied up: both take each image by itself.
Times are seconds of the clock, the best of five runs on both sides.
"""

import argparse
import io
import resource
from collections.abc import Sequence
from contextlib import redirect_stdout
from functools import partial
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from drawn_boxes import SIDE, draw_predictions, draw_truth, folds_for, seconds, settings_for, sizes_of, use_cores
from ensemble_boxes import weighted_boxes_fusion
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from rich.console import Console
from rich.table import Table

from recycle.data.coco import Dataset
from recycle.fusion.objective import FusionObjective
from recycle.fusion.settings import EnsembleSettings
from recycle.fusion.wbf import WbfSettings, fuse, fuse_grouped
from recycle.fusion.wbf_columns import group
from recycle.predictions.boxes import xyxy_to_xywh
from recycle.predictions.values import Predictions

RUNS = 5


Lists = list[list[npt.NDArray[Any]]]


def as_lists(value: Predictions, images: npt.NDArray[np.int64]) -> list[Lists]:
    """What `ensemble_boxes` takes: for each image the boxes, scores and labels of each model."""
    value = value.of_images(images)
    rows = [
        [np.flatnonzero((value.image_ids == image) & (value.model_ids == model)) for model in range(len(value.models))]
        for image in images
    ]
    columns: tuple[npt.NDArray[Any], ...] = (value.boxes / np.float64(SIDE), value.scores, value.labels)
    return [[[column[part] for part in parts] for column in columns] for parts in rows]


def fuse_lists(inputs: Sequence[Lists], settings: WbfSettings) -> list[tuple[npt.NDArray[np.float64], ...]]:
    return [
        weighted_boxes_fusion(
            *columns, weights=settings.weights, iou_thr=settings.iou_thr, skip_box_thr=settings.skip_box_thr
        )
        for columns in inputs
    ]


def pycocotools_map50(
    truth: Dataset, images: npt.NDArray[np.int64], fused: Sequence[tuple[npt.NDArray[np.float64], ...]]
) -> float:
    """Scores at IoU 0.5 alone, all sizes, through the fastest entrance: rows of numbers."""
    rows = [
        np.column_stack([np.full(len(scores), image), xyxy_to_xywh(boxes * SIDE), scores, labels])
        for image, (boxes, scores, labels) in zip(images, fused, strict=True)
    ]
    with redirect_stdout(io.StringIO()):
        evaluation = evaluated(truth, images, np.concatenate(rows))
    precision = evaluation.eval["precision"]
    return float(precision[precision > -1].mean())


def evaluated(truth: Dataset, images: npt.NDArray[np.int64], rows: npt.NDArray[np.float64]) -> COCOeval:
    coco = COCO()
    coco.dataset = truth.subset(images.tolist()).to_coco()
    for number, annotation in enumerate(coco.dataset["annotations"], start=1):
        annotation["id"] = number
    coco.createIndex()
    evaluation = COCOeval(coco, coco.loadRes(rows), "bbox")
    evaluation.params.iouThrs, evaluation.params.maxDets = np.array([0.5]), [100]
    evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
    evaluation.evaluate()
    evaluation.accumulate()
    return evaluation


def compare_fusion(table: Table, images: int, models: int, boxes: int, subset: int) -> None:
    truth = draw_truth(images)
    value, settings, sizes = draw_predictions(truth, models, boxes), settings_for(models), sizes_of(truth)
    picked = np.sort(np.random.default_rng(2).choice(images, subset, replace=False))
    inputs = as_lists(value, picked)
    use_cores(1)
    slow = seconds(lambda: fuse_lists(inputs, settings), RUNS) * images / subset
    ready = group(value, sizes)
    for cores in range(1, numba.config.NUMBA_NUM_THREADS + 1):
        use_cores(cores)
        once = seconds(lambda: fuse(value, sizes, settings, "fused"), RUNS)
        again = seconds(lambda: fuse_grouped(ready, settings, "fused"), RUNS)
        for what, fast in (("WBF", once), ("WBF, boxes grouped before", again)):
            add_row(table, what, cores, f"{models} x {images:,} x {boxes}", slow, fast)


def compare_trial(table: Table, images: int, models: int, boxes: int, subset: int) -> None:
    truth = draw_truth(images)
    value, settings = draw_predictions(truth, models, boxes), settings_for(models)
    picked = np.sort(np.random.default_rng(2).choice(images, subset, replace=False))
    inputs = as_lists(value, picked)
    fused = fuse_lists(inputs, settings)
    slow = seconds(lambda: fuse_lists(inputs, settings), RUNS) + seconds(
        lambda: pycocotools_map50(truth, picked, fused), 2
    )
    objective = FusionObjective(value, truth, folds_for(truth))
    ours = objective.on(picked)(EnsembleSettings(settings))
    assert abs(pycocotools_map50(truth, picked, fused) - ours) < 1e-6
    for cores in range(1, numba.config.NUMBA_NUM_THREADS + 1):
        use_cores(cores)
        fast = seconds(lambda: objective(EnsembleSettings(settings)), RUNS)
        add_row(table, "search trial", cores, f"{models} x {images:,} x {boxes}", slow * images / subset, fast)


def add_row(table: Table, what: str, cores: int, size: str, slow: float, fast: float) -> None:
    table.add_row(what, str(cores), size, f"{slow:.2f}", f"{fast:.3f}", f"{slow / fast:.0f}")


def show_growth(table: Table, sizes: Sequence[tuple[int, int]], boxes: int) -> None:
    use_cores(1)
    for models, images in sizes:
        truth = draw_truth(images)
        value, settings = draw_predictions(truth, models, boxes), settings_for(models)
        ready = group(value, sizes_of(truth))
        needed = seconds(partial(fuse_grouped, ready, settings, "fused"), RUNS)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
        numbers = (f"{needed:.3f}", f"{needed / len(value) * 1e9:.0f}", f"{peak:.0f}")
        table.add_row(str(models), f"{images:,}", f"{len(value):,}", *numbers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subset", type=int, default=30, help="images that ensemble_boxes and pycocotools see")
    subset = parser.parse_args().subset
    fuse(draw_predictions(draw_truth(1), 2, 2), {0: (SIDE, SIDE)}, WbfSettings(), "compiles")
    growth = Table("models", "images", "boxes", "seconds", "ns a box", "peak memory so far [MiB]")
    growth.title = "Growth on one core, 20 boxes an image and model"
    show_growth(growth, [(4, 1000), (8, 1000), (16, 1000), (32, 1000), (64, 1000)], boxes=20)
    show_growth(growth, [(8, 250), (8, 1000), (8, 4000), (8, 16_000)], boxes=20)
    ratios = Table("what", "cores", "models x images x boxes", "theirs [s]", "ours [s]", "ratio")
    ratios.title = f"Theirs on {subset} random images, multiplied up"
    compare_fusion(ratios, images=837, models=12, boxes=60, subset=subset)
    compare_trial(ratios, images=1000, models=26, boxes=65, subset=subset)
    for table in (ratios, growth):
        Console().print(table)


if __name__ == "__main__":
    main()
