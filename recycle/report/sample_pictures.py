"""Pictures of some images, truth beside prediction."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from recycle.data.coco import Dataset
from recycle.data.images import read_image
from recycle.predictions.values import Predictions
from recycle.report.pictures import class_colour, draw_boxes, side_by_side

LOWEST_SCORE = 0.3
"""Weaker boxes would hide the picture."""
FEWEST_BOXES = 3
"""So many are drawn however weak they are: a picture without boxes says nothing about a weak detector."""


def write_sample_pictures(dataset: Dataset, predictions: Predictions, count: int, folder: Path) -> None:
    """Writes images evenly spread over the data set, each with its truth on the left and its prediction on the right.

    Args:
        dataset: Images, with annotations where they are known.
        predictions: Predictions of one model.
        count: How many pictures; fewer if there are fewer images.
        folder: Where they go, named by the images' position in the data set.
    """
    folder.mkdir(parents=True, exist_ok=True)
    truth = dataset.boxes()
    for position in evenly_spread(len(dataset.images), count):
        image = dataset.images[position]
        pixels = read_image(dataset.path_of(image), image.width, image.height)
        annotated = truth.image_ids == image.id
        found = worth_drawing(predictions, image.id)
        texts = [
            f"{dataset.class_names[label]} {score:.2f}"
            for label, score in zip(predictions.labels[found], predictions.scores[found], strict=True)
        ]
        names = [dataset.class_names[label] for label in truth.labels[annotated]]
        picture = side_by_side(
            _draw(pixels, truth.boxes[annotated], names, truth.labels[annotated]),
            _draw(pixels, predictions.boxes[found], texts, predictions.labels[found]),
            (f"truth: {image.file_name}", "prediction"),
        )
        cv2.imwrite(str(folder / f"{position:05d}.jpg"), picture)


def worth_drawing(predictions: Predictions, image_id: int) -> npt.NDArray[np.int64]:
    """Rows of an image's strong boxes, or of its few best."""
    rows = np.flatnonzero(predictions.image_ids == image_id)
    rows = rows[np.argsort(-predictions.scores[rows], kind="stable")]
    return rows[: max(FEWEST_BOXES, int((predictions.scores[rows] >= LOWEST_SCORE).sum()))]


def evenly_spread(total: int, count: int) -> Sequence[int]:
    """At most so many positions, from the first to the last."""
    return sorted({int(position) for position in np.linspace(0, total - 1, min(count, total))})


def _draw(
    pixels: npt.NDArray[np.uint8], boxes: npt.NDArray[np.float32], texts: Sequence[str], labels: npt.NDArray[np.int32]
) -> npt.NDArray[np.uint8]:
    return draw_boxes(pixels, boxes, texts, [class_colour(int(label)) for label in labels])
