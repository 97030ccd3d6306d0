"""Matches and what is counted from them against pycocotools, on the same random boxes."""

import contextlib
import io
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from recycle.data.coco import Annotation, Dataset, Image
from recycle.evaluation.average_precision import class_average_precisions, mean_average_precision
from recycle.evaluation.columns import prediction_boxes, truth_columns
from recycle.evaluation.detection import evaluate
from recycle.evaluation.matching import IGNORED, MISSED, Matches, match
from recycle.predictions.values import Predictions
from tests.evaluation.scenes import random_predictions, random_truth

COCO_THRESHOLDS = np.linspace(0.5, 0.95, 10).tolist()
SCENES = [(seed, ties, boxes) for seed in range(4) for ties in (False, True) for boxes in (3, 400, 4000)]


def scene(seed: int, ties: bool, boxes: int) -> tuple[Dataset, Predictions]:
    """Images and a class without truth, crowds, and over 100 boxes an image and class are among the data."""
    rng = np.random.default_rng([seed, ties, boxes])
    truth = random_truth(rng, images=8 if boxes == 4000 else 30)
    predictions = random_predictions(rng, truth, boxes=boxes, ties=ties)
    return truth, predictions.of_images(predictions.covered[seed:])


@pytest.mark.parametrize(("seed", "ties", "boxes"), SCENES)
def test_average_precision_is_that_of_pycocotools(seed: int, ties: bool, boxes: int) -> None:
    truth, predictions = scene(seed, ties, boxes)
    expected, matches = evaluate(truth, predictions), match(predictions, truth, COCO_THRESHOLDS)
    assert mean_average_precision(matches) == pytest.approx(expected.map, abs=1e-9)
    assert mean_average_precision(match(predictions, truth)) == pytest.approx(expected.map50, abs=1e-9)
    by_class = class_average_precisions(matches)
    for label, scores in enumerate(expected.classes.values()):
        for value, wanted in ((by_class[0, label], scores.map50), (by_class[:, label].mean(), scores.map)):
            assert value == pytest.approx(np.nan if wanted is None else wanted, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize(("seed", "ties", "boxes"), SCENES)
def test_every_detection_finds_what_it_finds_in_pycocotools(seed: int, ties: bool, boxes: int) -> None:
    truth, predictions = scene(seed, ties, boxes)
    matches = match(predictions, truth, COCO_THRESHOLDS)
    for (image, label), (scores, found, is_ignored) in reference(truth, predictions).items():
        rows = (matches.image_ids[matches.images] == image) & (matches.labels == label)
        np.testing.assert_array_equal(matches.scores[rows], scores)
        np.testing.assert_array_equal(matches.truths[:, rows] == IGNORED, is_ignored)
        np.testing.assert_array_equal(matches.truths[:, rows] == MISSED, found == 0)
        np.testing.assert_array_equal(ids_of(matches, truth)[:, rows], np.where(is_ignored, 0, found))
    assert len(matches) == sum(len(scores) for scores, *_ in reference(truth, predictions).values())


def ids_of(matches: Matches, truth: Dataset) -> npt.NDArray[np.int64]:
    """Place of each found object among all annotations, from 1; 0 for none."""
    columns = truth_columns(truth, matches.image_ids)
    counted = np.flatnonzero(~columns.is_crowd)
    order = counted[np.lexsort((columns.labels[counted], columns.image_ids[counted]))]
    return np.where(matches.truths < 0, 0, order[matches.truths] + 1)


def reference(
    truth: Dataset, predictions: Predictions
) -> dict[tuple[int, int], tuple[list[float], npt.NDArray[Any], npt.NDArray[Any]]]:
    """Scores, ids of matches and what is ignored by image and label, as pycocotools says; ids begin at 1."""
    images, columns = predictions.covered, truth_columns(truth, predictions.covered)
    detections = prediction_boxes(predictions, len(truth.categories))
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval(
            indexed(truth, images, columns.image_ids, columns.labels, columns.boxes, crowd=columns.is_crowd),
            indexed(truth, images, predictions.image_ids, predictions.labels, detections, score=predictions.scores),
            iouType="bbox",
        )
        evaluation.params.areaRng = [[0, 1e10]]
        evaluation.evaluate()
    return {
        (each["image_id"], each["category_id"]): (each["dtScores"], each["dtMatches"], each["dtIgnore"])
        for each in evaluation.evalImgs
        if each is not None
    }


def indexed(
    truth: Dataset,
    images: npt.NDArray[np.int64],
    image_ids: npt.NDArray[Any],
    labels: npt.NDArray[Any],
    boxes: npt.NDArray[np.float64],
    *,
    crowd: npt.NDArray[np.bool_] | None = None,
    score: npt.NDArray[np.float32] | None = None,
) -> COCO:
    coco = COCO()
    coco.dataset = {
        "images": [{"id": image} for image in images.tolist()],
        "categories": [{"id": label} for label in range(len(truth.categories))],
        "annotations": [
            {
                "id": row + 1,
                "image_id": int(image_ids[row]),
                "category_id": int(labels[row]),
                "bbox": boxes[row].tolist(),
                "area": float(boxes[row, 2] * boxes[row, 3]),
                "iscrowd": 0 if crowd is None else int(crowd[row]),
                "score": 0.0 if score is None else float(score[row]),
            }
            for row in range(len(boxes))
        ],
    }
    coco.createIndex()
    return coco


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_counting_images_is_repeating_them(seed: int, ties: bool) -> None:
    """With ties, true and false boxes of one score alternate in the copies of an image."""
    rng = np.random.default_rng([seed, ties])
    truth, predictions = scene(seed, ties, 400)
    counts = rng.integers(0, 4, len(predictions.covered))
    score = mean_average_precision(match(predictions, truth, (0.5, 0.75)), counts)
    copies = repeated(truth, predictions, dict(zip(predictions.covered.tolist(), counts.tolist(), strict=True)))
    expected = evaluate(*copies)
    assert score == pytest.approx(np.mean([expected.map50, expected.map75]), abs=1e-9)


def repeated(truth: Dataset, predictions: Predictions, counts: dict[int, int]) -> tuple[Dataset, Predictions]:
    """Each image as often as it counts, under ids of its own that keep the order."""
    pairs = [(image, 100 * image + copy) for image, count in counts.items() for copy in range(count)]
    images = tuple(Image(new, f"{new}.jpg", 1, 1) for _, new in pairs)
    annotations: list[Annotation] = []
    rows: list[npt.NDArray[np.int64]] = []
    image_ids: list[int] = []
    for old, new in pairs:
        for annotation in truth.annotations:
            if annotation.image_id == old:
                annotations.append(replace(annotation, id=len(annotations) + 1, image_id=new))
        rows.append(np.flatnonzero(predictions.image_ids == old))
        image_ids += [new] * len(rows[-1])
    chosen = np.concatenate(rows)
    copies = Predictions(
        image_ids=np.array(image_ids, np.int64),
        model_ids=predictions.model_ids[chosen],
        boxes=predictions.boxes[chosen],
        scores=predictions.scores[chosen],
        labels=predictions.labels[chosen],
        models=predictions.models,
        coverage=(np.array([new for _, new in pairs]),),
    )
    return replace(truth, images=images, annotations=tuple(annotations)), copies
