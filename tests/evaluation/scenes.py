"""Truth and predictions drawn at random, and small ones by hand."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from recycle.data.coco import Annotation, Category, Dataset, Image
from recycle.predictions.boxes import clip_xyxy, has_area, xywh_to_xyxy
from recycle.predictions.values import Predictions

WIDTH, HEIGHT = 200, 150
Box = tuple[float, float, float, float]


def truth_of(
    boxes: Sequence[tuple[int, int, Box]], *, classes: int = 2, images: int = 3, first_id: int = 0, crowd: bool = False
) -> Dataset:
    """Makes a data set of (image id, label, xywh box); category ids differ from labels on purpose."""
    return Dataset(
        folder=Path(),
        categories=tuple(Category(10 * label + 7, f"class {label}") for label in range(classes)),
        images=tuple(Image(image, f"{image}.jpg", WIDTH, HEIGHT) for image in range(images)),
        annotations=tuple(
            Annotation(number, image, 10 * label + 7, box, box[2] * box[3], crowd, None)
            for number, (image, label, box) in enumerate(boxes, start=first_id)
        ),
    )


def found(boxes: Sequence[tuple[int, int, Box, float]], *, images: Sequence[int] = (0, 1, 2)) -> Predictions:
    """Makes one model's predictions of (image id, label, xywh box, score)."""
    return Predictions(
        image_ids=np.array([image for image, *_ in boxes], np.int64),
        model_ids=np.zeros(len(boxes), np.int32),
        boxes=xywh_to_xyxy(np.array([box for _, _, box, _ in boxes], np.float32).reshape(-1, 4)),
        scores=np.array([score for *_, score in boxes], np.float32),
        labels=np.array([label for _, label, *_ in boxes], np.int32),
        models=("model",),
        coverage=(np.array(images, np.int64),),
    )


def random_truth(rng: np.random.Generator, *, boxes: int = 100, classes: int = 5, images: int = 30) -> Dataset:
    """Draws boxes from 5 to 150 pixels; the last class and the last two images have none, every tenth is a crowd."""
    sizes = rng.uniform(5, 150, (boxes, 2)) * rng.uniform(0.1, 1, (boxes, 1)) + 2
    corners = rng.uniform(0, 1, (boxes, 2)) * ([WIDTH, HEIGHT] - np.minimum(sizes, HEIGHT))
    rows = zip(rng.integers(0, images - 2, boxes), rng.integers(0, classes - 1, boxes), corners, sizes, strict=True)
    plain = truth_of(
        [(int(i), int(label), (*map(float, corner), *map(float, size))) for i, label, corner, size in rows],  # type: ignore[misc]
        classes=classes,
        images=images,
    )
    annotations = tuple(
        Annotation(a.id, a.image_id, a.category_id, a.bbox, a.area * rng.uniform(0.5, 1), rng.random() < 0.1, None)
        for a in plain.annotations
    )
    return Dataset(plain.folder, plain.categories, plain.images, annotations)


def random_predictions(
    rng: np.random.Generator, truth: Dataset, *, boxes: int = 400, ties: bool = False, name: str = "model"
) -> Predictions:
    """Shifts true boxes by some pixels, gives every fifth another class, and draws scores."""
    columns = truth.boxes()
    picked = rng.integers(0, len(columns), boxes)
    moved = columns.boxes[picked] + rng.normal(0, 6, (boxes, 4)).astype(np.float32)
    corners = clip_xyxy(moved, WIDTH, HEIGHT)
    kept = has_area(corners)
    labels = np.where(rng.random(boxes) < 0.2, rng.integers(0, len(truth.categories), boxes), columns.labels[picked])
    scores = rng.random(boxes, np.float32)
    return Predictions(
        image_ids=columns.image_ids[picked][kept],
        model_ids=np.zeros(np.count_nonzero(kept), np.int32),
        boxes=corners[kept],
        scores=(np.round(scores, 1) if ties else scores)[kept],
        labels=labels[kept],
        models=(name,),
        coverage=(np.array([image.id for image in truth.images]),),
    )
