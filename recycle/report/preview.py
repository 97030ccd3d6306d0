"""A contact sheet of what a network sees in training: images before and after their augmentations, in every phase."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from recycle.data.coco import Dataset, Image
from recycle.data.copy_paste_masks import object_region
from recycle.data.images import read_image
from recycle.data.label_maps import label_map_of
from recycle.recipe import Model, Task
from recycle.report.label_map_pictures import draw_label_map_on
from recycle.report.pictures import TITLE_HEIGHT, Colour, Picture, class_colour, draw_boxes, titled, write_texts
from recycle.training.phase import PhaseTask
from recycle.training.train import training_images

EPOCHS_SHOWN = 3
"""Draws of each image, those of a phase's first epochs."""

_TILE = 256
_GAP = 4
_WIDTH = (EPOCHS_SHOWN + 1) * (_TILE + _GAP) + _GAP
_PAPER = 228
"""Grey beside images that do not fill their tile."""
_BAR: Colour = (70, 60, 50)
_LINE_HEIGHT = 20
_MASK_STRENGTH = 0.35
_IGNORED: Colour = (150, 150, 150)


@dataclass(frozen=True)
class _Shown:
    """An image with its objects.

    Attributes:
        pixels: (height, width, 3) BGR.
        boxes: (n, 4) x1, y1, x2, y2 in pixels.
        masks: (n, height, width), not 0 inside of the object; (0, height, width) where boxes have none.
        texts: n texts.
        colours: n colours.
    """

    pixels: Picture
    boxes: npt.NDArray[np.floating[Any]]
    masks: npt.NDArray[np.uint8]
    texts: Sequence[str]
    colours: Sequence[Colour]


def preview_sheet(phases: Sequence[PhaseTask], positions: Sequence[int], pasted: Collection[int]) -> Picture:
    """Draws images as they are, and as each phase gets them in its first epochs.

    Args:
        phases: The phases of a member that has not begun.
        positions: Which images of its training part, by their place there.
        pasted: Ids of annotations that copy-paste added; they are marked with a plus where images are as they are.

    Returns:
        A BGR picture: for each phase a title and a row for each image.

    Raises:
        DataError: If an image cannot be read.
    """
    rows: list[Picture] = []
    for phase in phases:
        rows.append(_heading(phase, len(phases), with_pasted=bool(pasted)))
        rows += _rows(phase, positions, pasted)
    return np.vstack(rows)


def _rows(phase: PhaseTask, positions: Sequence[int], pasted: Collection[int]) -> Iterator[Picture]:
    images = training_images(phase)
    train = phase.member.train
    epochs = range(phase.epochs_before, phase.epochs_before + min(EPOCHS_SHOWN, phase.settings.epochs))
    for position in positions:
        image = train.images[position]
        drawing = DRAWINGS[phase.settings.task]
        tiles = {image.file_name: _fitted(drawing.original(train, image, pasted))}
        for epoch in epochs:
            images.set_epoch(epoch)
            shown = drawing.seen(images[position], train.class_names)
            height, width = shown.pixels.shape[:2]
            tiles[f"epoch {epoch + 1}: {width} x {height}"] = _fitted(shown)
        yield _row(tiles)


def _original(train: Dataset, image: Image, pasted: Collection[int]) -> _Shown:
    """An image as it is; crowds are grey."""
    annotations = [annotation for annotation in train.annotations if annotation.image_id == image.id]
    labels = [train.label_of[annotation.category_id] for annotation in annotations]
    marks = ["+ " if annotation.id in pasted else "" for annotation in annotations]
    masks = np.zeros((len(annotations), image.height, image.width), np.uint8)
    for mask, annotation in zip(masks, annotations, strict=True):
        region = object_region(annotation, image)
        mask[region.top : region.bottom, region.left : region.right] = region.mask
    sides = np.array([annotation.bbox for annotation in annotations], np.float64).reshape(-1, 4)
    return _Shown(
        pixels=read_image(train.path_of(image), image.width, image.height),
        boxes=np.hstack([sides[:, :2], sides[:, :2] + sides[:, 2:]]),
        masks=masks,
        texts=[mark + train.class_names[label] for mark, label in zip(marks, labels, strict=True)],
        colours=[
            _IGNORED if annotation.iscrowd else class_colour(label)
            for annotation, label in zip(annotations, labels, strict=True)
        ],
    )


def _seen(sample: dict[str, Any], names: Sequence[str]) -> _Shown:
    """An image as the network gets it; objects that it is to ignore are grey."""
    pixels = np.ascontiguousarray(sample["inputs"].numpy().transpose(1, 2, 0))
    parts = [sample["data_samples"].gt_instances, sample["data_samples"].ignored_instances]
    masks = [part.masks.to_ndarray() for part in parts if "masks" in part]
    labels = np.concatenate([part.labels.numpy() for part in parts])
    counted = len(parts[0])
    return _Shown(
        pixels=pixels,
        boxes=np.concatenate([part.bboxes.numpy().reshape(-1, 4) for part in parts]),
        masks=np.concatenate([each.reshape(-1, *pixels.shape[:2]) for each in masks] or [pixels[None, :, :, 0][:0]]),
        texts=[names[label] for label in labels],
        colours=[class_colour(int(label)) if n < counted else _IGNORED for n, label in enumerate(labels)],
    )


def _original_labels(train: Dataset, image: Image, pasted: Collection[int]) -> _Shown:
    """An image under the label map of its annotations; what is ignored is grey."""
    annotations = [annotation for annotation in train.annotations if annotation.image_id == image.id]
    pixels = read_image(train.path_of(image), image.width, image.height)
    return _labelled(pixels, label_map_of(train, image, annotations), train.class_names)


def _seen_labels(sample: dict[str, Any], names: Sequence[str]) -> _Shown:
    """An image as the network gets it under its label map."""
    pixels = np.ascontiguousarray(sample["inputs"].numpy().transpose(1, 2, 0))
    return _labelled(pixels, sample["data_samples"].gt_sem_seg.sem_seg.numpy()[0], names)


def _labelled(pixels: Picture, labels: npt.NDArray[np.uint8], names: Sequence[str]) -> _Shown:
    drawn = draw_label_map_on(pixels, labels, names)
    return _Shown(drawn, boxes=np.zeros((0, 4)), masks=np.zeros((0, *labels.shape), np.uint8), texts=(), colours=())


class _Drawing(NamedTuple):
    """How images of a task are drawn, as they are and as a network gets them."""

    original: Callable[[Dataset, Image, Collection[int]], _Shown]
    seen: Callable[[dict[str, Any], Sequence[str]], _Shown]


DRAWINGS: Mapping[Task, _Drawing] = {
    "detection": _Drawing(_original, _seen),
    "segmentation": _Drawing(_original_labels, _seen_labels),
}


def _fitted(shown: _Shown) -> Picture:
    """The image with its objects drawn, its longer side as long as a tile."""
    height, width = shown.pixels.shape[:2]
    scale = _TILE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    drawn = np.asarray(cv2.resize(shown.pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    for mask, colour in zip(shown.masks, shown.colours, strict=False):
        _draw_mask(drawn, np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_AREA), np.uint8), colour)
    return draw_boxes(drawn, shown.boxes * scale, shown.texts, shown.colours)


def _draw_mask(picture: Picture, mask: npt.NDArray[np.uint8], colour: Colour) -> None:
    inside = mask > 0
    picture[inside] = (1 - _MASK_STRENGTH) * picture[inside] + _MASK_STRENGTH * np.array(colour)
    contours, _ = cv2.findContours(inside.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    cv2.drawContours(picture, contours, -1, colour, 1, cv2.LINE_AA)


def _row(pictures: Mapping[str, Picture]) -> Picture:
    """Pictures by title, beside each other in tiles as high as the highest of them."""
    height = max(picture.shape[0] for picture in pictures.values())
    row = np.full((height + TITLE_HEIGHT + _GAP, _WIDTH, 3), 255, np.uint8)
    for column, (title, picture) in enumerate(pictures.items()):
        tile = np.full((height, _TILE, 3), _PAPER, np.uint8)
        tile[: picture.shape[0], : picture.shape[1]] = picture
        left = _GAP + column * (_TILE + _GAP)
        row[:-_GAP, left : left + _TILE] = titled(tile, title, height)
    return row


def _heading(phase: PhaseTask, count: int, *, with_pasted: bool) -> Picture:
    """Two lines: which epochs of what, and the augmentations in their order."""
    settings = phase.settings
    first, last = phase.epochs_before + 1, phase.epochs_before + settings.epochs
    epochs = f"epoch {first}" if first == last else f"epochs {first} to {last}"
    which = f"phase {phase.position + 1} of {count}, {epochs}" if count > 1 else epochs
    lines = (
        f"{phase.member.name}: {which}, {_sizes(settings)}" + ("; + marks pasted objects" if with_pasted else ""),
        " > ".join(augmentation.type for augmentation in settings.augmentations),
    )
    bar = np.full((len(lines) * _LINE_HEIGHT + 2 * _GAP, _WIDTH, 3), _BAR, np.uint8)
    places = np.array([[2, _LINE_HEIGHT * number] for number in range(1, len(lines) + 1)])
    return write_texts(bar, places, lines, [_BAR] * len(lines))


def _sizes(settings: Model) -> str:
    if settings.multi_scale is None:
        return f"{settings.image_size} px"
    sides = settings.multi_scale.sides(settings.image_size)
    return f"{settings.image_size} px, then each batch scaled to {sides[0]} to {sides[-1]} px"
