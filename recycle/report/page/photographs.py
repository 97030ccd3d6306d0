"""Photographs with boxes: the picture is embedded once and small, boxes and class names are drawn by the browser."""

import base64
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from recycle.data.coco import Dataset, Image
from recycle.data.images import read_image
from recycle.evaluation.image_losses import Boxes, ImageLoss
from recycle.predictions.values import Predictions
from recycle.report.page.blocks import Box, Pane, Photograph
from recycle.report.sample_pictures import evenly_spread, worth_drawing

LONGEST_SIDE = 480
QUALITY = 72


def training_photographs(dataset: Dataset, count: int) -> list[Photograph]:
    """Images evenly spread over a data set, with their objects.

    Raises:
        DataError: If an image cannot be read.
    """
    truth = dataset.boxes()
    photographs = []
    for image in _spread(dataset, count):
        rows = truth.image_ids == image.id
        boxes = _truth_boxes(dataset, truth.boxes[rows], truth.labels[rows])
        photographs.append(_photograph(dataset, image, "sample", _counted(len(boxes), "object"), [_truth_pane(boxes)]))
    return photographs


def predicted_photographs(dataset: Dataset, predictions: Predictions, count: int) -> list[Photograph]:
    """Images evenly spread over a data set, with what was found and, where it is known, what there is.

    Raises:
        DataError: If an image cannot be read.
    """
    truth = dataset.boxes()
    photographs = []
    for image in _spread(dataset, count):
        rows = truth.image_ids == image.id
        known = [_truth_pane(_truth_boxes(dataset, truth.boxes[rows], truth.labels[rows]))] if len(truth) else []
        found = _found_pane(dataset, predictions, image)
        photographs.append(_photograph(dataset, image, "test", "", [*known, found]))
    return photographs


def worst_photographs(dataset: Dataset, losses: Sequence[ImageLoss]) -> list[Photograph]:
    """The images that cost most, with objects that were found and missed, and detections that are right and wrong.

    Raises:
        DataError: If an image cannot be read.
    """
    images = {image.id: image for image in dataset.images}
    return [
        _photograph(
            dataset,
            images[loss.image_id],
            "worst",
            f"Costs {loss.loss:.4f} mAP50: {_counted(len(loss.missed.labels), 'object')} missed, "
            f"{_counted(len(loss.false.labels), 'false detection')}, {len(loss.right.labels)} right.",
            _panes_of_loss(dataset, loss),
        )
        for loss in losses
    ]


def _panes_of_loss(dataset: Dataset, loss: ImageLoss) -> list[Pane]:
    truth = dataset.boxes()
    rows = np.flatnonzero(truth.image_ids == loss.image_id)
    missed = set(zip(loss.missed.labels, loss.missed.boxes, strict=True))
    objects = [
        Box(_corners(box), dataset.class_names[label], "missed" if (label, tuple(box)) in missed else "right")
        for label, box in zip(truth.labels[rows].tolist(), truth.boxes[rows].tolist(), strict=True)
    ]
    found = [*_detections(dataset, loss.right, "right"), *_detections(dataset, loss.false, "false")]
    return [
        Pane("Truth", _sentence("Truth", objects), objects),
        Pane(f"Found, from score {loss.score_thr:.2f} on", _sentence("Found", found), found),
    ]


def _detections(dataset: Dataset, boxes: Boxes, role: str) -> Iterator[Box]:
    for box, label, score in zip(boxes.boxes, boxes.labels, boxes.scores, strict=True):
        text = f"{dataset.class_names[label]} {score:.2f}"
        yield Box(_corners(box), text, "right" if role == "right" else "false")


def _found_pane(dataset: Dataset, predictions: Predictions, image: Image) -> Pane:
    rows = worth_drawing(predictions, image.id)
    texts = [
        f"{dataset.class_names[label]} {score:.2f}"
        for label, score in zip(predictions.labels[rows], predictions.scores[rows], strict=True)
    ]
    found = predictions.boxes[rows].tolist()
    boxes = [Box(_corners(box), text, "prediction") for box, text in zip(found, texts, strict=True)]
    return Pane("Found", _sentence("Found", boxes), boxes)


def _truth_pane(boxes: Sequence[Box]) -> Pane:
    return Pane("Truth", _sentence("Truth", boxes), boxes)


def _truth_boxes(dataset: Dataset, boxes: npt.NDArray[np.float32], labels: npt.NDArray[np.int32]) -> list[Box]:
    return [
        Box(_corners(box), dataset.class_names[label], "truth")
        for box, label in zip(boxes.tolist(), labels.tolist(), strict=True)
    ]


def _sentence(what: str, boxes: Sequence[Box]) -> str:
    """What a pane shows, for those who do not see it."""
    if not boxes:
        return f"{what}: nothing."
    named = [box.text + {"missed": " (missed)", "false": " (false)"}.get(box.role, "") for box in boxes]
    return f"{what}: {', '.join(named)}."


def _photograph(dataset: Dataset, image: Image, kind: str, note: str, panes: Sequence[Pane]) -> Photograph:
    return Photograph(
        name=f"{kind}-{image.id}",
        file_name=image.file_name,
        note=note,
        width=image.width,
        height=image.height,
        source=data_uri(read_image(dataset.path_of(image), image.width, image.height)),
        panes=panes,
    )


def data_uri(pixels: npt.NDArray[np.uint8]) -> str:
    """A BGR picture as a data URI, made smaller where it is large."""
    height, width = pixels.shape[:2]
    scale = min(1.0, LONGEST_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    smaller = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    _, encoded = cv2.imencode(".webp", smaller, [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
    return f"data:image/webp;base64,{base64.b64encode(encoded.tobytes()).decode()}"


def _corners(box: Sequence[float]) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = (round(side, 1) for side in box)
    return x1, y1, x2, y2


def _spread(dataset: Dataset, count: int) -> list[Image]:
    return [dataset.images[position] for position in evenly_spread(len(dataset.images), count)]


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
