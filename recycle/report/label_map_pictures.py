"""Label maps drawn over photographs."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from recycle.data.coco import Dataset
from recycle.data.images import read_image
from recycle.data.label_maps import label_map_of, scale_label_map
from recycle.fusion.voting import labels_of_shares
from recycle.predictions.probabilities import IGNORED, ImageProbabilities
from recycle.report.pictures import Colour, Picture, class_colour, side_by_side, write_texts
from recycle.report.sample_pictures import evenly_spread

STRENGTH = 0.5
IGNORED_COLOUR: Colour = (150, 150, 150)
SHORTEST_SIDE = 320
"""Of the longer side of a picture, in pixels."""

SMALLEST_NAMED = 0.004
"""Part of the picture below which a class is not named: its name would hide more than it tells."""

LabelMap = npt.NDArray[np.uint8]


def write_label_map_pictures(dataset: Dataset, predictions: ImageProbabilities, count: int, folder: Path) -> None:
    """Writes images evenly spread over the data set, each with its truth on the left and its prediction on the right.

    Args:
        dataset: Images, with annotations where they are known.
        predictions: What one model predicted; images that it did not are left out.
        count: How many pictures; fewer if there are fewer images.
        folder: Where they go, named by the images' position in the data set.
    """
    folder.mkdir(parents=True, exist_ok=True)
    annotations, names = dataset.annotations_by_image(), dataset.class_names
    predicted = [place for place, image in enumerate(dataset.images) if image.id in predictions]
    for position in (predicted[place] for place in evenly_spread(len(predicted), count)):
        image = dataset.images[position]
        pixels = read_image(dataset.path_of(image), image.width, image.height)
        truth = label_map_of(dataset, image, annotations[image.id])
        found = scale_label_map(labels_of_shares(predictions[image.id]), (image.height, image.width))
        titles = (f"truth: {image.file_name}" if annotations[image.id] else image.file_name, "prediction")
        sides = [draw_label_map_on(*enlarged(pixels, labels), names) for labels in (truth, found)]
        picture = side_by_side(sides[0], sides[1], titles)
        cv2.imwrite(str(folder / f"{position:05d}.jpg"), picture)


def enlarged(image: Picture, labels: LabelMap) -> tuple[Picture, LabelMap]:
    """An image and its label map, a small one scaled so that names can be written on it."""
    factor = -(-SHORTEST_SIDE // max(labels.shape))
    if factor == 1:
        return image, labels
    height, width = (side * factor for side in labels.shape)
    larger = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
    return larger, scale_label_map(labels, (height, width))


def draw_label_map_on(image: Picture, labels: LabelMap, class_names: Sequence[str]) -> Picture:
    """Colours the pixels of each class and writes its name on its largest part; the background stays as it is.

    Args:
        image: (height, width, 3) BGR; it is left as it is.
        labels: (height, width), the background being 0.
        class_names: Names of the labels from 1 on.
    """
    drawn = image.copy()
    places, texts, colours = [], [], []
    for label in np.unique(labels[labels > 0]).tolist():
        inside = labels == label
        colour = IGNORED_COLOUR if label == IGNORED else class_colour(label - 1)
        drawn[inside] = (1 - STRENGTH) * drawn[inside] + STRENGTH * np.array(colour)
        contours, _ = cv2.findContours(inside.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        cv2.drawContours(drawn, contours, -1, colour, 1, cv2.LINE_AA)
        if np.count_nonzero(inside) >= SMALLEST_NAMED * inside.size:
            left, top, *_ = cv2.boundingRect(max(contours, key=cv2.contourArea))
            places.append((left, top))
            texts.append("ignored" if label == IGNORED else class_names[label - 1])
            colours.append(colour)
    return write_texts(drawn, np.array(places, np.int64).reshape(-1, 2), texts, colours)
