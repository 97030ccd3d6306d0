"""Label maps, which give each pixel of an image its class: drawn from the masks of a COCO data set.

The background is label 0, category i in order is label i + 1, and `IGNORED` stands for pixels that count neither in
training nor in scores: crowds, and what a label map leaves open.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from pycocotools import mask as rle

from recycle.data.coco import Annotation, Dataset, Image
from recycle.data.records import Segmentation, mask_or_box
from recycle.predictions.probabilities import IGNORED

LabelMap = npt.NDArray[np.uint8]
"""Shape (height, width)."""

BACKGROUND = "Background"
"""The name of class 0 in tables."""

MOST_CLASSES = IGNORED - 1
"""What a byte tells apart beside the background and ignored pixels."""


def labels_of(dataset: Dataset) -> tuple[str, ...]:
    """Names of the labels in order, the background first."""
    return (BACKGROUND, *dataset.class_names)


def draw_label_map(objects: Iterable[tuple[int, Segmentation]], height: int, width: int) -> LabelMap:
    """Draws masks one over the other.

    Args:
        objects: Label and mask of each object; later ones lie on top. Masks are polygons in pixels of this size, or
            run-length encodings of it.
        height: In pixels.
        width: In pixels.
    """
    drawn = np.zeros((height, width), np.uint8)
    for label, segmentation in objects:
        drawn[decode_mask(segmentation, height, width)] = label
    return drawn


def decode_mask(segmentation: Segmentation, height: int, width: int) -> npt.NDArray[np.bool_]:
    """The pixels, shape (height, width), that pycocotools counts to a mask."""
    return np.asarray(rle.decode(_encoded(segmentation, height, width)), np.bool_)


def label_map_of(dataset: Dataset, image: Image, annotations: Sequence[Annotation]) -> LabelMap:
    """The label map of an image at its recorded size.

    Args:
        dataset: Knows the categories.
        image: The image.
        annotations: Its annotations in the order of the file: later ones lie on top, and crowds on top of all.
    """
    labels = dataset.label_of
    ordered = sorted(annotations, key=lambda annotation: annotation.iscrowd)
    return draw_label_map(
        ((IGNORED if one.iscrowd else labels[one.category_id] + 1, mask_or_box(one)) for one in ordered),
        image.height,
        image.width,
    )


def label_maps(dataset: Dataset, size: tuple[int, int] | None = None) -> Iterator[tuple[Image, LabelMap]]:
    """Gives each image with its label map.

    Args:
        dataset: The images and annotations.
        size: Height and width to which all maps are scaled, each pixel taking the label nearest to it; their own if
            None.
    """
    annotations = dataset.annotations_by_image()
    for image in dataset.images:
        drawn = label_map_of(dataset, image, annotations[image.id])
        yield image, drawn if size is None else scale_label_map(drawn, size)


def scale_label_map(labels: LabelMap, size: tuple[int, int]) -> LabelMap:
    """A label map scaled to a height and width, each pixel taking the label nearest to it."""
    if labels.shape == size:
        return labels
    return np.asarray(cv2.resize(labels, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT), np.uint8)


def encode_labels(labels: LabelMap) -> dict[int, dict[str, Any]]:
    """The pixels of each label that occurs, the background left out, as a compressed run-length encoding of COCO."""
    found: dict[int, dict[str, Any]] = {}
    for label in np.unique(labels[labels > 0]).tolist():
        encoded = rle.encode(np.asfortranarray(labels == label, np.uint8))
        found[label] = {"size": encoded["size"], "counts": encoded["counts"].decode()}
    return found


def _encoded(segmentation: Segmentation, height: int, width: int) -> Any:  # noqa: ANN401 - pycocotools is untyped
    if isinstance(segmentation, list):
        return rle.merge(rle.frPyObjects(segmentation, height, width))
    if isinstance(segmentation["counts"], list):
        return rle.frPyObjects(segmentation, height, width)
    return segmentation
