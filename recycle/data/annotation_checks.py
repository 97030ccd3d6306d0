"""Checks of the annotations of a data set against its images and classes."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from recycle.data.findings import Findings
from recycle.data.records import Annotation, Category, Image
from recycle.predictions.boxes import xywh_to_xyxy


def check_annotations(
    annotations: Sequence[Annotation], images: Iterable[Image], findings: Findings
) -> tuple[Annotation, ...]:
    """Checks boxes and masks, and looks for annotations that occur twice.

    Args:
        annotations: Annotations of these images.
        images: The images, with the sizes that count.
        findings: Takes what is found.

    Returns:
        The annotations after the repairs that are switched on.
    """
    image_of = {image.id: image for image in images}
    kept: list[Annotation] = []
    corners = _corners(annotations)
    for annotation, box in zip(annotations, corners, strict=True):
        image = image_of[annotation.image_id]
        _check_mask(annotation, image, findings)
        checked = _check_box(annotation, box, image, findings)
        if checked is not None:
            kept.append(checked)
    return _check_duplicates(kept, image_of, findings)


def check_classes(categories: Iterable[Category], annotations: Iterable[Annotation], findings: Findings) -> None:
    """Names the classes that no annotation is of."""
    used = {annotation.category_id for annotation in annotations}
    for category in categories:
        if category.id not in used:
            findings.add("class_without_annotations", category.name, f"category {category.id}", "no annotation")


def _corners(annotations: Sequence[Annotation]) -> npt.NDArray[np.float32]:
    """Corners in float32, as everything later sees them: what has an area in float64 may be empty there."""
    sides = np.array([annotation.bbox for annotation in annotations], dtype=np.float64).reshape(-1, 4)
    with np.errstate(over="ignore", invalid="ignore"):
        return xywh_to_xyxy(sides).astype(np.float32)


def _check_box(
    annotation: Annotation, box: npt.NDArray[np.float32], image: Image, findings: Findings
) -> Annotation | None:
    """The annotation, perhaps clipped; None if it is to be dropped."""
    x1, y1, x2, y2 = box.tolist()
    rule = _box_rule(x1, y1, x2, y2, image)
    if rule in (None, "box_partly_outside") and min(annotation.bbox[2:]) <= 1:
        _add("box_one_pixel", annotation, image, findings)
    if rule is None or not _add(rule, annotation, image, findings):
        return annotation
    return _clipped(annotation, image) if rule == "box_partly_outside" else None


def _box_rule(x1: float, y1: float, x2: float, y2: float, image: Image) -> str | None:
    if not np.isfinite([x1, y1, x2, y2]).all():
        return "box_not_finite"
    if x2 <= x1 or y2 <= y1:
        return "box_empty"
    if x2 <= 0 or y2 <= 0 or x1 >= image.width or y1 >= image.height:
        return "box_outside"
    if x1 < 0 or y1 < 0 or x2 > image.width or y2 > image.height:
        return "box_partly_outside"
    return None


def _clipped(annotation: Annotation, image: Image) -> Annotation:
    x, y, width, height = annotation.bbox
    left, top = max(x, 0.0), max(y, 0.0)
    right, bottom = min(x + width, float(image.width)), min(y + height, float(image.height))
    box = (left, top, right - left, bottom - top)
    return replace(annotation, bbox=box, area=min(annotation.area, box[2] * box[3]))


def _check_mask(annotation: Annotation, image: Image, findings: Findings) -> None:
    mask = annotation.segmentation
    if isinstance(mask, dict) and mask["size"] != [image.height, image.width]:
        value = f"height and width {mask['size']} in an image of {[image.height, image.width]}"
        findings.add("segmentation_size", image.file_name, f"annotation {annotation.id}", value)


def _check_duplicates(
    annotations: Iterable[Annotation], image_of: dict[int, Image], findings: Findings
) -> tuple[Annotation, ...]:
    first: dict[tuple[int, int, tuple[float, ...]], int] = {}
    kept: list[Annotation] = []
    for annotation in annotations:
        key = (annotation.image_id, annotation.category_id, annotation.bbox)
        earlier = first.setdefault(key, annotation.id)
        file, name = image_of[annotation.image_id].file_name, f"annotation {annotation.id}"
        value = f"same image, category and box as annotation {earlier}"
        if earlier == annotation.id or not findings.add("duplicate_annotation", file, name, value):
            kept.append(annotation)
    return tuple(kept)


def _add(rule: str, annotation: Annotation, image: Image, findings: Findings) -> bool:
    value = f"bbox {list(annotation.bbox)} in an image of {image.width}x{image.height}"
    return findings.add(rule, image.file_name, f"annotation {annotation.id}", value)
