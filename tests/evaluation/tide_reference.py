"""TIDE as Bolya et al. define it (A General Toolbox for Identifying Object Detection Errors, 2020), slow and plain."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from pycocotools import mask

from recycle.data.coco import Dataset
from recycle.evaluation.columns import prediction_boxes, truth_columns
from recycle.predictions.values import Predictions

IOU_THR, BACKGROUND_THR = 0.5, 0.1


@dataclass
class Detection:
    """A detection, what it is, and which object it would find if it were mended."""

    image: int
    label: int
    score: float
    kind: str = ""
    truth: int = -1


@dataclass
class Scene:
    """All detections and objects."""

    detections: list[Detection] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    is_found: list[bool] = field(default_factory=list)


def reference_costs(predictions: Predictions, truth: Dataset) -> tuple[dict[str, float], Counter[str]]:
    """Rises of mAP50 when all errors of a kind are mended, with mAP50 itself as `base`, and how many there are.

    The truth must be without crowds.
    """
    scene = Scene()
    for image_id in predictions.covered:
        _classify(scene, predictions.of_images([image_id]), truth, int(image_id))
    mended_truths = {d.truth for d in scene.detections if d.kind in ("classification", "localization")}
    missed = [row for row, is_found in enumerate(scene.is_found) if not is_found and row not in mended_truths]
    counts = Counter(d.kind for d in scene.detections if d.kind != "right")
    counts["missed"] = len(missed)
    base = _map50(scene, scene.detections, Counter())
    costs = {
        kind: _map50(scene, _mended(scene, kind), Counter()) - base
        for kind in ("classification", "localization", "both", "duplicate", "background")
    }
    gone = Counter(scene.labels[row] for row in missed)
    return {**costs, "missed": _map50(scene, scene.detections, gone) - base, "base": base}, counts


def _classify(scene: Scene, predictions: Predictions, truth: Dataset, image_id: int) -> None:
    columns = truth_columns(truth, np.array([image_id]))
    start, count = len(scene.labels), len(columns.labels)
    scene.labels += columns.labels.tolist()
    scene.is_found += [False] * count
    order = np.argsort(-predictions.scores, kind="stable")
    boxes = prediction_boxes(predictions, len(truth.categories))[order]
    ious = np.asarray(mask.iou(boxes, columns.boxes, [0] * count)).reshape(len(boxes), count)
    found = [
        Detection(image_id, int(label), float(score))
        for label, score in zip(predictions.labels[order], predictions.scores[order], strict=True)
    ]
    for detection, row in zip(found, ious, strict=True):
        free = [p for p in range(count) if columns.labels[p] == detection.label and not scene.is_found[start + p]]
        best = max(free, key=lambda p: row[p], default=-1)
        if best >= 0 and row[best] >= IOU_THR:
            detection.kind, scene.is_found[start + best] = "right", True
    for detection, row in zip(found, ious, strict=True):
        if not detection.kind:
            _name_error(detection, row, columns.labels, np.array(scene.is_found[start:]), start)
    scene.detections += found


def _name_error(
    detection: Detection,
    ious: npt.NDArray[np.float64],
    labels: npt.NDArray[np.int64],
    is_found: npt.NDArray[np.bool_],
    start: int,
) -> None:
    same, other = np.where(labels == detection.label, ious, 0), np.where(labels != detection.label, ious, 0)
    if BACKGROUND_THR <= same.max(initial=0) <= IOU_THR:
        detection.kind, detection.truth = "localization", start + int(same.argmax())
    elif other.max(initial=0) >= IOU_THR:
        detection.kind, detection.truth = "classification", start + int(other.argmax())
    elif (same * is_found).max(initial=0) >= IOU_THR:
        detection.kind = "duplicate"
    elif ious.max(initial=0) <= BACKGROUND_THR:
        detection.kind = "background"
    else:
        detection.kind = "both"


def _mended(scene: Scene, kind: str) -> list[Detection]:
    """The detections with this kind's errors mended; of all errors at an object not found only the best finds it."""
    mended, taken = [], set[int]()
    for detection in sorted(scene.detections, key=lambda d: -d.score):
        truth = detection.truth
        is_best = truth >= 0 and not scene.is_found[truth] and truth not in taken
        taken.add(truth)
        if detection.kind != kind:
            mended.append(detection)
        elif is_best:
            mended.append(Detection(detection.image, scene.labels[truth], detection.score, "right"))
    return mended


def _map50(scene: Scene, detections: list[Detection], gone: Counter[int]) -> float:
    """The mean over the classes that have objects; one that loses all counts as 0."""
    values = []
    for label, total in Counter(scene.labels).items():
        ranked = sorted((d for d in detections if d.label == label), key=lambda d: -d.score)
        values.append(_average_precision([d.kind == "right" for d in ranked], total - gone[label]))
    return float(np.mean(values)) if values else 0.0


def _average_precision(is_right: list[bool], objects: int) -> float:
    if not objects or not is_right:
        return 0.0
    found = np.cumsum(is_right)
    precision = np.maximum.accumulate((found / np.arange(1, len(found) + 1))[::-1])[::-1]
    places = np.searchsorted(found / objects, np.linspace(0, 1, 101))
    return float(np.append(precision, 0.0)[np.minimum(places, len(precision))].mean())
