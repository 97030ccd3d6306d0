"""A folder of label maps as PNG files, in place of masks in a COCO file.

`label_maps/` beside `annotations.json` holds for each image a PNG of its name, whose pixels are 0 for the background, i
for the i-th category in order, counted from 1, and 255 for what is ignored.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import PIL.Image

from recycle.data.coco import Annotation, Dataset, Image
from recycle.data.findings import Findings
from recycle.data.label_maps import LabelMap, encode_labels
from recycle.predictions.probabilities import IGNORED

FOLDER = "label_maps"
PLAIN_MODES = ("L", "P")
"""Pillow's names of 8 bits in one channel, grey or by a palette."""


def label_map_folder(folder: Path) -> Path | None:
    """The folder of label maps of a data set; None where its masks stand in the COCO file."""
    maps = folder / FOLDER
    return maps if maps.is_dir() else None


def label_map_path(folder: Path, image: Image) -> Path:
    """Where the label map of an image lies, in a folder of them."""
    return (folder / image.file_name).with_suffix(".png")


def annotate_from_folder(dataset: Dataset, folder: Path, findings: Findings) -> Dataset:
    """The data set with the masks of a folder of label maps, one annotation for each class in an image.

    What is ignored becomes a crowd. What is wrong becomes a finding: a missing file, another format than one channel of
    8 bits, another size than the image's, a label that no category has.

    Args:
        dataset: Images and categories; it has no annotations.
        folder: The folder.
        findings: Takes what is found.
    """
    annotations: list[Annotation] = []
    for image in dataset.images:
        labels = _read(label_map_path(folder, image), image, len(dataset.categories), findings)
        if labels is not None:
            annotations += _annotations(labels, image, dataset, len(annotations) + 1)
    return replace(dataset, annotations=tuple(annotations))


def _read(path: Path, image: Image, classes: int, findings: Findings) -> LabelMap | None:
    name = f"image {image.id}"
    if not path.is_file():
        findings.add("label_map_missing", image.file_name, name, f"{FOLDER}/{path.name} is not there")
        return None
    try:
        with PIL.Image.open(path) as opened:
            mode, labels = opened.mode, np.array(opened)
    except (OSError, ValueError, SyntaxError, PIL.Image.DecompressionBombError) as error:
        findings.add("label_map_unreadable", path.name, name, str(error))
        return None
    if mode not in PLAIN_MODES:
        findings.add("label_map_format", path.name, name, f"mode {mode}, {labels.dtype} of shape {labels.shape}")
        return None
    if labels.shape != (image.height, image.width):
        value = f"{labels.shape[1]}x{labels.shape[0]} instead of {image.width}x{image.height}"
        findings.add("label_map_size", path.name, name, value)
        return None
    unknown = np.unique(labels[(labels > classes) & (labels != IGNORED)])
    if unknown.size:
        findings.add("label_map_value", path.name, name, f"label {unknown[0]}, but there are {classes} classes")
        return None
    return np.asarray(labels, np.uint8)


def _annotations(labels: LabelMap, image: Image, dataset: Dataset, first_id: int) -> Iterator[Annotation]:
    for number, (label, encoded) in enumerate(encode_labels(labels).items(), first_id):
        inside = np.asarray(labels == label, np.uint8)
        left, top, width, height = cv2.boundingRect(inside)
        is_ignored = label == IGNORED
        yield Annotation(
            id=number,
            image_id=image.id,
            category_id=dataset.categories[0 if is_ignored else label - 1].id,
            bbox=(float(left), float(top), float(width), float(height)),
            area=float(np.count_nonzero(inside)),
            iscrowd=is_ignored,
            segmentation=encoded,
        )
