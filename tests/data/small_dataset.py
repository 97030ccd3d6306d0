"""A small data set on disk and in memory, good unless a test spoils it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from recycle.data.coco import Annotation, Category, Dataset, Image

WIDTH, HEIGHT = 48, 32


def noise(seed: int, width: int = WIDTH, height: int = HEIGHT) -> PIL.Image.Image:
    """Blocks of random colours: a picture that no other seed's resembles."""
    blocks = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return PIL.Image.fromarray(blocks).resize((width, height), PIL.Image.Resampling.BILINEAR)


def document() -> dict[str, Any]:
    """Three images, two classes, four annotations."""
    boxes: list[tuple[int, int, int, list[float]]] = [
        (1, 1, 0, [4, 4, 10, 10]),
        (2, 1, 1, [20.5, 8, 12, 8]),
        (3, 2, 0, [0, 0, 48, 32]),
        (4, 3, 1, [1, 2, 3, 4]),
    ]
    return {
        "categories": [{"id": 0, "name": "Paper"}, {"id": 1, "name": "Glass"}],
        "images": [{"id": i, "file_name": f"images/{i}.jpg", "width": WIDTH, "height": HEIGHT} for i in (1, 2, 3)],
        "annotations": [
            {"id": i, "image_id": image, "category_id": category, "bbox": box, "area": box[2] * box[3], "iscrowd": 0}
            for i, image, category, box in boxes
        ],
    }


def write_dataset(folder: Path, spoil: Callable[[dict[str, Any]], object] | None = None) -> Path:
    """Writes images and `annotations.json`, spoilt by a function of the document; returns the JSON's path."""
    content = document()
    (folder / "images").mkdir(parents=True)
    for image in content["images"]:
        noise(image["id"]).save(folder / image["file_name"], quality=95)
    if spoil is not None:
        spoil(content)
    path = folder / "annotations.json"
    path.write_text(json.dumps(content))
    return path


def dataset_of(labels: list[list[int]], classes: int) -> Dataset:
    """A data set without files: for each image the labels of its annotations."""
    images = tuple(Image(i, f"{i:05d}.jpg", 100, 100) for i in range(len(labels)))
    pairs = [(image, label) for image, held in enumerate(labels) for label in held]
    annotations = tuple(
        Annotation(i, image, label, (1.0, 1.0, 5.0, 5.0), 25.0, False, None) for i, (image, label) in enumerate(pairs)
    )
    return Dataset(Path("nowhere"), tuple(Category(i, f"class {i}") for i in range(classes)), images, annotations)
