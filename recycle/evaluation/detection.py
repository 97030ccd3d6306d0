"""Detection scores as pycocotools counts them: every number that is reported comes from here."""

import contextlib
import io
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from recycle.data.coco import Dataset
from recycle.evaluation.columns import prediction_boxes, truth_columns
from recycle.predictions.values import Predictions

MAX_DETECTIONS = 100
"""The best of each class on each image that count, as in COCO."""


@dataclass(frozen=True)
class ClassScores:
    """Average precision of one class; None where the evaluated images hold none of it.

    Attributes:
        map50: At IoU 0.50.
        map: Mean over IoU 0.50, 0.55, ... 0.95.
    """

    map50: float | None
    map: float | None


@dataclass(frozen=True)
class DetectionScores:
    """Mean average precision over the classes, from 0 to 1; None where nothing of that kind is annotated.

    Attributes:
        map50: At IoU 0.50.
        map: Mean over IoU 0.50, 0.55, ... 0.95.
        map75: At IoU 0.75.
        map_small: As `map`, of objects up to 32 x 32 pixels.
        map_medium: As `map`, of objects between 32 x 32 and 96 x 96 pixels.
        map_large: As `map`, of objects from 96 x 96 pixels.
        classes: Scores by class name, in the order of the categories.
        images: Number of images that were evaluated.
    """

    map50: float | None
    map: float | None
    map75: float | None
    map_small: float | None
    map_medium: float | None
    map_large: float | None
    classes: dict[str, ClassScores]
    images: int

    columns: ClassVar[Mapping[str, str]] = {
        "map50": "mAP50",
        "map": "mAP",
        "map75": "mAP75",
        "map_small": "small",
        "map_medium": "medium",
        "map_large": "large",
    }
    """Titles of what a table shows, the main score first."""

    @property
    def main(self) -> float | None:
        """The score by which competitors are ranked."""
        return self.map50

    @property
    def of_classes(self) -> dict[str, float | None]:
        """The main score of each class."""
        return {name: one.map50 for name, one in self.classes.items()}

    def to_json(self) -> dict[str, Any]:
        """Returns the scores under their names, ready for `json.dump`."""
        return asdict(self)


def evaluate(truth: Dataset, predictions: Predictions) -> DetectionScores:
    """Scores one model on the images that it covers.

    Annotation ids are given anew from 1, because pycocotools takes a match with id 0 for none.

    Args:
        truth: The data set, which may hold further images; crowd annotations are ignored as COCO does.
        predictions: Boxes of exactly one model.

    Raises:
        DataError: If there is not exactly one model, a label is not that of a class, or a covered image is not in
            the data set.
    """
    names = truth.class_names
    images = predictions.covered
    documents = _truth_annotations(truth, images), _detections(predictions, len(names))
    with contextlib.redirect_stdout(io.StringIO()):
        indexed = [_index(images, len(names), annotations) for annotations in documents]
        evaluation = COCOeval(*indexed, iouType="bbox")
        evaluation.params.maxDets = [MAX_DETECTIONS]
        evaluation.evaluate()
        evaluation.accumulate()
    return _scores(evaluation.eval["precision"][..., 0], names, len(images))


def own_score(truth: Dataset, predictions: Predictions, metric: str) -> float:
    """One number for the predictions of a model, from 0 to 1.

    Args:
        truth: As `evaluate`.
        predictions: As `evaluate`.
        metric: `map50`, `map` or `map75`.

    Raises:
        DataError: As `evaluate`.
    """
    score: float | None = getattr(evaluate(truth, predictions), metric)
    return score or 0.0


def _truth_annotations(truth: Dataset, images: npt.NDArray[np.int64]) -> list[dict[str, Any]]:
    columns = truth_columns(truth, images)
    return _records(
        image_id=columns.image_ids,
        category_id=columns.labels,
        bbox=columns.boxes,
        area=columns.areas,
        iscrowd=columns.is_crowd.astype(int),
    )


def _detections(predictions: Predictions, class_count: int) -> list[dict[str, Any]]:
    boxes = prediction_boxes(predictions, class_count)
    return _records(
        image_id=predictions.image_ids,
        category_id=predictions.labels,
        bbox=boxes,
        area=boxes[:, 2] * boxes[:, 3],
        score=predictions.scores,
    )


def _records(**columns: npt.NDArray[Any]) -> list[dict[str, Any]]:
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    return [dict(zip(columns, row, strict=True), id=number) for number, row in enumerate(rows, start=1)]


def _index(images: npt.NDArray[np.int64], class_count: int, annotations: list[dict[str, Any]]) -> COCO:
    # Not COCO.loadRes, which fails where there is no detection.
    coco = COCO()
    coco.dataset = {
        "images": [{"id": image_id} for image_id in images.tolist()],
        "categories": [{"id": label} for label in range(class_count)],
        "annotations": annotations,
    }
    coco.createIndex()
    return coco


def _scores(precision: npt.NDArray[np.float64], names: tuple[str, ...], images: int) -> DetectionScores:
    """Averages as `COCOeval.summarize`, from the shape (10 IoUs, 101 recalls, classes, 4 sizes)."""
    everything = precision[..., 0]
    return DetectionScores(
        map50=_mean(everything[0]),
        map=_mean(everything),
        map75=_mean(everything[5]),
        map_small=_mean(precision[..., 1]),
        map_medium=_mean(precision[..., 2]),
        map_large=_mean(precision[..., 3]),
        classes={
            name: ClassScores(map50=_mean(everything[0, :, label]), map=_mean(everything[..., label]))
            for label, name in enumerate(names)
        },
        images=images,
    )


def _mean(precision: npt.NDArray[np.float64]) -> float | None:
    # pycocotools marks with -1 what has no truth.
    known = precision[precision > -1]
    return float(known.mean()) if known.size else None
