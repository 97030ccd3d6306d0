"""A submission of the reference competition's size becomes pseudo labels in seconds, as its team's loop made them."""

import csv
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recycle.data.coco import Category, Dataset, Image
from recycle.data.pseudo_labels import pseudo_document
from recycle.orchestration.pseudo_labels import read_believed
from recycle.recipe import PseudoLabels

IMAGES, BOXES, CLASSES, SIDE = 4871, 40, 10, 1024
SECONDS = 30.0
"""Some three are needed; machines that do other things too take longer."""


@pytest.fixture(scope="module")
def test_part() -> Dataset:
    categories = tuple(Category(label, f"class {label}") for label in range(CLASSES))
    return Dataset(Path(), categories, tuple(Image(i, f"test/{i:04d}.jpg", SIDE, SIDE) for i in range(IMAGES)), ())


@pytest.fixture(scope="module")
def submission(test_part: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("submissions") / "best.csv"
    corners = rng.integers(0, SIDE // 2, (IMAGES, BOXES, 2))
    sides = rng.integers(8, SIDE // 2, (IMAGES, BOXES, 2))
    labels, scores = rng.integers(0, CLASSES, (IMAGES, BOXES)), rng.random((IMAGES, BOXES)).round(4)
    with path.open("w") as file:
        file.write("PredictionString,image_id\n")
        for i, image in enumerate(test_part.images):
            rows = zip(labels[i], scores[i], corners[i], corners[i] + sides[i], strict=True)
            told = (f"{label} {score} {a[0]} {a[1]} {b[0]} {b[1]}" for label, score, a, b in rows)
            file.write(f"{' '.join(told)},{image.file_name}\n")
    return path


def as_the_team_did(path: Path, threshold: float) -> list[tuple[Any, ...]]:
    """Image by image and box by box: those from the threshold on, as x, y, width, height."""
    found: list[tuple[Any, ...]] = []
    with path.open() as file:
        for number, row in enumerate(csv.DictReader(file)):
            values = row["PredictionString"].split()
            for place in range(0, len(values), 6):
                label, score, *box = values[place : place + 6]
                x1, y1, x2, y2 = map(float, box)
                if float(score) >= threshold:
                    found.append((number, int(label), x1, y1, x2 - x1, y2 - y1))
    return sorted(found)


def test_a_real_size_submission_becomes_the_same_labels_in_seconds(test_part: Dataset, submission: Path) -> None:
    begin = time.perf_counter()
    believed = read_believed(submission, test_part, PseudoLabels(score_thr=0.75, ignore_thr=0.75))
    document = pseudo_document(believed.test, test_part, believed.thresholds, keep_empty=False)
    assert time.perf_counter() - begin < SECONDS
    expected = as_the_team_did(submission, 0.75)
    assert sorted((a["image_id"], a["category_id"], *a["bbox"]) for a in document["annotations"]) == expected
    assert not any(a["iscrowd"] for a in document["annotations"])
    assert len(expected) > 40_000
