"""What a data set must have beside that of detection, so that every pixel of it has a class."""

from recycle.data.coco import Dataset
from recycle.data.findings import Findings
from recycle.data.label_maps import MOST_CLASSES


def check_masks(dataset: Dataset, findings: Findings) -> None:
    """Makes sure that objects have masks and classes fit into a byte; boxes alone say nothing about pixels.

    Crowds without a mask are ignored where their box is, and are no finding.
    """
    if len(dataset.categories) > MOST_CLASSES:
        value = f"{len(dataset.categories)} categories"
        findings.add("too_many_classes", "categories", "categories", value)
    names = {image.id: image.file_name for image in dataset.images}
    for annotation in dataset.annotations:
        if annotation.segmentation is None and not annotation.iscrowd:
            record = f"annotation {annotation.id}"
            findings.add("mask_missing", names[annotation.image_id], record, "it has a box alone")
