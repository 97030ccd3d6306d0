"""Label maps that an ensemble predicted, as labels: what it is unsure of is ignored.

The files are COCO, one run-length encoding for each class in an image, and one crowd for its ignored pixels.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from pycocotools import mask as rle

from recycle.data.coco import Dataset, Image
from recycle.data.label_maps import LabelMap, encode_labels, scale_label_map
from recycle.predictions.probabilities import IGNORED


def shows_object(labels: LabelMap) -> bool:
    """Whether any pixel is labelled as one of an object."""
    return bool(((labels != 0) & (labels != IGNORED)).any())


def pseudo_pixels_document(maps: Mapping[int, LabelMap], images: Dataset) -> dict[str, Any]:
    """Makes a COCO document of label maps.

    Images keep their ids, annotations are numbered from 1 by image.

    Args:
        maps: By image id, of any size: each is scaled to its image's, each pixel taking the label nearest to it.
        images: The images with the classes; annotations are not looked at.
    """
    records = [image for image in images.images if image.id in maps]
    found = (one for image in records for one in _annotations(maps[image.id], image, images))
    return {
        "images": [vars(image) for image in records],
        "categories": [vars(category) for category in images.categories],
        "annotations": [{"id": number, **one} for number, one in enumerate(found, start=1)],
    }


def _annotations(labels: LabelMap, image: Image, images: Dataset) -> Iterator[dict[str, Any]]:
    scaled = scale_label_map(labels, (image.height, image.width))
    for label, encoded in encode_labels(scaled).items():
        is_ignored = label == IGNORED
        yield {
            "image_id": image.id,
            "category_id": images.categories[0 if is_ignored else label - 1].id,
            "bbox": np.asarray(rle.toBbox(encoded)).tolist(),
            "area": float(rle.area(encoded)),
            "iscrowd": int(is_ignored),
            "segmentation": encoded,
        }
