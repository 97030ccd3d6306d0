"""Files of predictions in every format, of the same two boxes on three images."""

import json
from pathlib import Path

import numpy as np

from recycle.data.coco import Annotation, Category, Dataset, Image, write_coco
from recycle.fusion.inputs.reference import Reference
from recycle.paths import RunPaths
from recycle.predictions.found_boxes import FoundBoxes
from recycle.predictions.parquet import write_parquet
from recycle.predictions.values import Predictions

NAMES = ("images/1.jpg", "images/2.jpg", "images/3.jpg")
WIDTH, HEIGHT = 100, 50
BOXES = {0: [1, 0.9, 10, 10, 30, 20], 1: [0, 0.8, 0, 0, 100, 50]}
"""By position in `NAMES`: label, score and corners; nothing is found on the third image."""


def dataset_of(
    *, names: tuple[str, ...] = NAMES, classes: tuple[str, ...] = ("Paper", "Glass"), width: int = WIDTH
) -> Dataset:
    """Images with the boxes as truth; ids of images are 7, 6, 5, those of categories 11, 12."""
    images = tuple(Image(7 - i, name, width, HEIGHT) for i, name in enumerate(names))
    annotations = tuple(
        Annotation(i, images[i].id, 11 + int(label), (x1, y1, x2 - x1, y2 - y1), (x2 - x1) * (y2 - y1), False, None)
        for i, (label, _, x1, y1, x2, y2) in BOXES.items()
        if i < len(images)
    )
    return Dataset(
        Path("nowhere"), tuple(Category(11 + i, name) for i, name in enumerate(classes)), images, annotations
    )


def reference_of(dataset: Dataset | None = None) -> Reference:
    return Reference("truth.json", dataset or dataset_of())


def write_truth(path: Path, dataset: Dataset | None = None) -> Path:
    write_coco(dataset or dataset_of(), path)
    return path


def write_csv(path: Path, lines: dict[str, str] | None = None) -> Path:
    strings = {name: " ".join(map(str, BOXES.get(i, []))) for i, name in enumerate(NAMES)} if lines is None else lines
    path.write_text("PredictionString,image_id\n" + "".join(f"{text},{name}\n" for name, text in strings.items()))
    return path


def write_results(path: Path) -> Path:
    records = [
        {"image_id": 7 - i, "category_id": 11 + label, "bbox": [x1, y1, x2 - x1, y2 - y1], "score": score}
        for i, (label, score, x1, y1, x2, y2) in BOXES.items()
    ]
    path.write_text(json.dumps(records))
    return path


def write_text_folder(path: Path) -> Path:
    path.mkdir()
    for i, (label, score, x1, y1, x2, y2) in BOXES.items():
        fractions = ((x1 + x2) / 2 / WIDTH, (y1 + y2) / 2 / HEIGHT, (x2 - x1) / WIDTH, (y2 - y1) / HEIGHT)
        line = " ".join(f"{number:.6g}" for number in (label, *fractions, score))
        (path / f"{Path(NAMES[i]).stem}.txt").write_text(line + "\n")
    return path


def write_run(path: Path, dataset: Dataset | None = None, *, swapped: bool = False) -> Path:
    """A run folder as far as it concerns others; its classes may be in another order."""
    dataset = dataset or dataset_of(classes=("Glass", "Paper") if swapped else ("Paper", "Glass"))
    ids = [image.id for image in dataset.images]
    rows = {i: row for i, row in BOXES.items() if i < len(ids)}
    values = np.array([*rows.values()])
    predictions = Predictions(
        image_ids=np.array([ids[i] for i in rows]),
        model_ids=np.zeros(len(rows), np.int32),
        boxes=values[:, 2:],
        scores=values[:, 1],
        labels=(1 - values[:, 0] if swapped else values[:, 0]).astype(int),
        models=("ensemble",),
        coverage=(np.sort(ids),),
    )
    paths = RunPaths(path)
    write_coco(dataset, paths.test)
    write_parquet(predictions, paths.predictions(0, "test", "ensemble"))
    paths.recipe.write_text("name: example\n")
    return path


def found_on(source: str, *images: str, lists_all: bool = True, labels: tuple[int, ...] = (0,)) -> FoundBoxes:
    """A file of these images, with a box of each label on the first."""
    rows = labels if images else ()
    return FoundBoxes(
        source=source,
        format="CSV",
        images=images,
        lists_all=lists_all,
        values=np.array([[label, 0.5, 1, 1, 2, 2] for label in rows], np.float64).reshape(-1, 6),
        positions=np.zeros(len(rows), np.int64),
        places=np.arange(len(rows)) + 2,
        unit="line",
    )
