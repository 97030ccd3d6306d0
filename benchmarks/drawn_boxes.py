"""Truth and predictions drawn at random for the benchmarks of fusion, and how they measure."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import numba
import numpy as np

from recycle.data.coco import Annotation, Category, Dataset, Image
from recycle.data.folds import Folds
from recycle.fusion.methods import FusionSettings
from recycle.predictions.values import Predictions

ALL_CORES = os.sched_getaffinity(0)
SIDE = 512
CLASSES = 10
OBJECTS = 12
"""True objects of an image; half of all boxes are drawn around one, the others anywhere."""


def draw_truth(images: int, seed: int = 0) -> Dataset:
    rng = np.random.default_rng(seed)
    low, size = rng.uniform(0, SIDE - 160, (images, OBJECTS, 2)), rng.uniform(16, 160, (images, OBJECTS, 2))
    labels = rng.integers(0, CLASSES, (images, OBJECTS))
    annotations = tuple(
        Annotation(
            id=image * OBJECTS + number,
            image_id=image,
            category_id=int(labels[image, number]),
            bbox=(*low[image, number].tolist(), *size[image, number].tolist()),
            area=float(size[image, number].prod()),
            iscrowd=False,
            segmentation=None,
        )
        for image in range(images)
        for number in range(OBJECTS)
    )
    return Dataset(
        Path(),
        tuple(Category(label, f"class {label}") for label in range(CLASSES)),
        tuple(Image(image, f"{image}.jpg", SIDE, SIDE) for image in range(images)),
        annotations,
    )


def draw_predictions(truth: Dataset, models: int, boxes: int, seed: int = 1) -> Predictions:
    """Draws so many boxes for each image and model; those around no object score low."""
    rng = np.random.default_rng(seed)
    images, count = len(truth.images), len(truth.images) * models * boxes
    image_ids = np.tile(np.repeat(np.arange(images), boxes), models)
    picked = image_ids * OBJECTS + rng.integers(0, OBJECTS, count)
    true = truth.boxes()
    astray = rng.random(count) < 0.5
    low = rng.uniform(0, SIDE - 160, (count, 2))
    anywhere = np.concatenate([low, low + rng.uniform(16, 160, (count, 2))], axis=1)
    corners = np.where(astray[:, None], anywhere, true.boxes[picked] + rng.uniform(-7, 7, (count, 4)))
    scores = np.where(astray, rng.random(count) ** 4, rng.random(count))
    return Predictions(
        image_ids=image_ids,
        model_ids=np.repeat(np.arange(models, dtype=np.int32), images * boxes),
        boxes=np.clip(corners, 0, SIDE).astype(np.float32),
        scores=scores.astype(np.float32),
        labels=np.where(astray, rng.integers(0, CLASSES, count), true.labels[picked]).astype(np.int32),
        models=tuple(f"model {number}" for number in range(models)),
        coverage=(np.arange(images),) * models,
    )


def seconds(work: Callable[[], object], runs: int) -> float:
    """Returns the least time of several runs."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def use_cores(count: int) -> None:
    """Binds all threads of this process, those of other libraries too, to the first cores."""
    cores = sorted(ALL_CORES)[:count]
    for thread in Path("/proc/self/task").iterdir():
        os.sched_setaffinity(int(thread.name), cores)
    numba.set_num_threads(count)


def settings_for(models: int) -> FusionSettings:
    return FusionSettings(iou_thr=0.5, weights=tuple(np.linspace(1, 2, models).tolist()))


def folds_for(truth: Dataset) -> Folds:
    return Folds(5, {image.file_name: image.id % 5 for image in truth.images}, class_counts={}, rare_classes={})


def sizes_of(truth: Dataset) -> dict[int, tuple[int, int]]:
    return {image.id: (image.width, image.height) for image in truth.images}
