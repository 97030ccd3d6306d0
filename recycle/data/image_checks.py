"""Checks of the image files of a data set, from one pass over them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from recycle.data.findings import Findings
from recycle.data.images import displayed_size, frame_of
from recycle.data.records import Image
from recycle.data.scan import ImageFacts, scan_images


def check_images(
    images: Sequence[Image], folder: Path, findings: Findings
) -> tuple[tuple[Image, ...], dict[str, ImageFacts]]:
    """Scans every image file and compares it with its record.

    Args:
        images: The records.
        folder: The folder to which `file_name` is relative.
        findings: Takes what is found.

    Returns:
        The records after the repairs that are switched on, and facts by `file_name` of the images that were read.
    """
    scanned = scan_images([folder / image.file_name for image in images])
    kept: list[Image] = []
    facts: dict[str, ImageFacts] = {}
    for image, result in zip(images, scanned, strict=True):
        if isinstance(result, ImageFacts):
            kept.append(_check_size(image, result, findings))
            facts[image.file_name] = result
        elif not findings.add(result.rule, image.file_name, _name_of(image), result.value):
            kept.append(image)
    return tuple(kept), facts


def _check_size(image: Image, facts: ImageFacts, findings: Findings) -> Image:
    """The record, with the size of the displayed picture if the recorded one is wrong and that may be repaired."""
    frame = frame_of(facts.size, facts.orientation, (image.width, image.height))
    width, height = displayed_size(facts.size, facts.orientation)
    if frame is None:
        value = f"recorded {image.width}x{image.height}, but is {width}x{height}"
        if findings.add("image_size", image.file_name, _name_of(image), value):
            return replace(image, width=width, height=height)
    elif facts.orientation > 1:
        value = f"EXIF orientation {facts.orientation}, recorded {image.width}x{image.height}: read as {frame}"
        findings.add("image_rotated", image.file_name, _name_of(image), value)
    return image


def _name_of(image: Image) -> str:
    return f"image {image.id}"
