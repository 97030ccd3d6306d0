"""Why a model scores as it does: kinds of errors, confused classes, precision by recall, and how far to trust them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import hotcoco
import numpy as np
import numpy.typing as npt

from recycle.data.coco import Dataset
from recycle.evaluation.agreement import best_f1_threshold
from recycle.evaluation.fast import IOU_THRESHOLDS
from recycle.evaluation.hotcoco_inputs import evaluation_of, index_truth
from recycle.evaluation.matching import IGNORED, Matches, match
from recycle.predictions.values import Predictions

IOU_THR = 0.5
"""From here on an object is found."""
ERROR_KINDS: Mapping[str, str] = {
    "classification": "Cls",
    "localization": "Loc",
    "both": "Both",
    "duplicate": "Dupe",
    "background": "Bkg",
    "missed": "Miss",
}
"""TIDE's kinds of errors, and what hotcoco calls them."""
RECALLS = tuple(np.linspace(0, 1, 101).tolist())
"""Where precision is read from a curve, as in COCO."""
SIZES = ("all", "small", "medium", "large")
"""Of objects: all; up to 32 x 32 pixels, up to 96 x 96, and larger, as in COCO."""
BINS = 10

_UNLIMITED = 2**31 - 1
_UNKNOWN = -1  # what evaluators say where there is no truth


@dataclass(frozen=True)
class ErrorCosts:
    """What each kind of error costs (Bolya et al., TIDE, ECCV 2020), at IoU 0.5 and, for the background, 0.1.

    Costs do not add up, as mending one kind makes another visible. An object is missed if it has not even an error
    near it that could be mended; a class of which every object is missed cannot rise by that cost.

    Attributes:
        map50: As it is.
        costs: By how much mAP50 would rise if all errors of a kind were mended, by the names in `ERROR_KINDS`.
        counts: How many errors of each kind there are, among all detections however weak.
        false_positives: The rise if every right detection came before every wrong one.
        false_negatives: The rise if objects that are not found did not count.
    """

    map50: float
    costs: Mapping[str, float]
    counts: Mapping[str, int]
    false_positives: float
    false_negatives: float


@dataclass(frozen=True)
class Confusion:
    """Which class was taken for which.

    Detections choose by descending score the object that they overlap most, whatever its class.

    Attributes:
        counts: Shape (classes + 1, classes + 1), a row for each true class and a column for each predicted one. The
            last column holds objects not found, the last row detections where no object is; the other rows sum to the
            objects of their class.
        iou_thr: How much a detection must overlap an object.
        score_thr: Only detections from this score on are looked at: where the model's F1 is highest.
    """

    counts: tuple[tuple[int, ...], ...]
    iou_thr: float
    score_thr: float


@dataclass(frozen=True)
class ClassDetail:
    """How well one class is found; None where there is no object of that kind.

    Attributes:
        name: The class.
        objects: How many there are, crowds left out.
        map50: Average precision at IoU 0.50.
        map: Mean over IoU 0.50, 0.55, ... 0.95.
        map_small: As `map`, of objects up to 32 x 32 pixels.
        map_medium: Of objects between 32 x 32 and 96 x 96 pixels.
        map_large: Of objects from 96 x 96 pixels.
        precision: The highest precision at IoU 0.50 from each of `RECALLS` on.
    """

    name: str
    objects: int
    map50: float | None
    map: float | None
    map_small: float | None
    map_medium: float | None
    map_large: float | None
    precision: tuple[float, ...] | None


@dataclass(frozen=True)
class ReliabilityBin:
    """Detections with scores from `low` to `high`: their mean score, and the part of them that found an object."""

    low: float
    high: float
    confidence: float
    accuracy: float
    count: int


@dataclass(frozen=True)
class Reliability:
    """How far scores are probabilities of being right.

    Attributes:
        error: Expected calibration error: the mean over all detections of their bin's gap between score and accuracy.
        largest_gap: The largest gap of a bin.
        bins: Bins of equal width by ascending score, without the empty ones.
        detections: How many there are, however weak.
    """

    error: float
    largest_gap: float
    bins: tuple[ReliabilityBin, ...]
    detections: int


@dataclass(frozen=True)
class Diagnosis:
    """All that is known of one model's detections on some images."""

    images: int
    errors: ErrorCosts
    confusion: Confusion
    classes: tuple[ClassDetail, ...]
    reliability: Reliability


def diagnose(predictions: Predictions, truth: Dataset) -> Diagnosis:
    """Finds out why a model scores as it does on the images that it covers.

    Args:
        predictions: Boxes of exactly one model.
        truth: The data set, which may hold further images; detections of crowds are neither right nor wrong.

    Raises:
        DataError: If predictions do not fit the truth, see `match`.
    """
    matches = match(predictions, truth, [IOU_THR])
    at_half = _evaluation_without_crowds(matches, truth)
    at_half.evaluate()
    return Diagnosis(
        images=len(matches.image_ids),
        errors=_errors(at_half),
        confusion=_confusion(at_half, best_f1_threshold(matches)),
        classes=_class_details(predictions, truth, matches),
        reliability=_reliability(at_half),
    )


def _evaluation_without_crowds(matches: Matches, truth: Dataset) -> hotcoco.COCOeval:
    """Leaves out crowds and what found them, which hotcoco's analyses would take for errors."""
    counts = matches.truths[0] != IGNORED
    detections = Predictions(
        image_ids=matches.image_ids[matches.images[counts]],
        model_ids=np.zeros(np.count_nonzero(counts), np.int32),
        boxes=matches.boxes[counts],
        scores=matches.scores[counts],
        labels=matches.labels[counts],
        models=("model",),
        coverage=(matches.image_ids,),
    )
    objects = replace(truth, annotations=tuple(a for a in truth.annotations if not a.iscrowd))
    return evaluation_of(detections, index_truth(objects, matches.image_ids), matches.image_ids, [IOU_THR])


def _errors(evaluation: hotcoco.COCOeval) -> ErrorCosts:
    found = evaluation.tide_errors(pos_thr=IOU_THR)
    return ErrorCosts(
        map50=found["ap_base"],
        costs={kind: found["delta_ap"][key] for kind, key in ERROR_KINDS.items()},
        counts={kind: found["counts"][key] for kind, key in ERROR_KINDS.items()},
        false_positives=found["delta_ap"]["FP"],
        false_negatives=found["delta_ap"]["FN"],
    )


def _confusion(evaluation: hotcoco.COCOeval, score_thr: float) -> Confusion:
    found = evaluation.confusion_matrix(iou_thr=IOU_THR, max_det=_UNLIMITED, min_score=score_thr)
    return Confusion(tuple(tuple(row) for row in found["matrix"].tolist()), IOU_THR, score_thr)


def _reliability(evaluation: hotcoco.COCOeval) -> Reliability:
    found = evaluation.calibration(n_bins=BINS, iou_threshold=IOU_THR)
    return Reliability(
        error=found["ece"],
        largest_gap=found["mce"],
        bins=tuple(_bin(one) for one in found["bins"] if one["count"]),
        detections=found["num_detections"],
    )


def _bin(found: Mapping[str, Any]) -> ReliabilityBin:
    return ReliabilityBin(
        low=found["bin_lower"],
        high=found["bin_upper"],
        confidence=found["avg_confidence"],
        accuracy=found["avg_accuracy"],
        count=found["count"],
    )


def _class_details(predictions: Predictions, truth: Dataset, matches: Matches) -> tuple[ClassDetail, ...]:
    precision = _precisions(predictions, truth, matches.image_ids)
    objects = matches.truth_counts.sum(axis=0).tolist()
    return tuple(_detail(name, objects[label], precision[:, :, label]) for label, name in enumerate(truth.class_names))


def _precisions(predictions: Predictions, truth: Dataset, image_ids: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Shape (10 IoU thresholds, 101 recalls, classes, sizes)."""
    evaluation = evaluation_of(predictions, index_truth(truth, image_ids), image_ids, IOU_THRESHOLDS["map"])
    assert list(evaluation.params.areaRngLbl) == list(SIZES)
    evaluation.evaluate()
    evaluation.accumulate()
    assert evaluation.eval is not None
    precision: npt.NDArray[np.float64] = evaluation.eval["precision"][..., 0]
    return precision


def _detail(name: str, objects: int, precision: npt.NDArray[np.float64]) -> ClassDetail:
    curve = precision[0, :, 0]
    _, small, medium, large = (_mean(precision[..., size]) for size in range(len(SIZES)))
    return ClassDetail(
        name=name,
        objects=objects,
        map50=_mean(curve),
        map=_mean(precision[..., 0]),
        map_small=small,
        map_medium=medium,
        map_large=large,
        precision=tuple(curve.tolist()) if objects else None,
    )


def _mean(precision: npt.NDArray[np.float64]) -> float | None:
    known = precision[precision > _UNKNOWN]
    return float(known.mean()) if known.size else None
