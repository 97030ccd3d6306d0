"""Kinds of errors by their definition, confusion, curves and calibration by what they must sum and amount to."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recycle.data.coco import Dataset
from recycle.evaluation.agreement import best_f1_threshold
from recycle.evaluation.detection import evaluate
from recycle.evaluation.diagnosis import BINS, ERROR_KINDS, diagnose
from recycle.evaluation.matching import IGNORED, match
from recycle.predictions.values import Predictions
from tests.evaluation.scenes import Box, found, random_predictions, random_truth, truth_of
from tests.evaluation.tide_reference import reference_costs

A: Box = (10, 10, 50, 50)
B: Box = (100, 80, 40, 40)
ASIDE: Box = (10, 35, 50, 50)
"""Overlaps A by an IoU of a third."""
ELSEWHERE: Box = (140, 5, 30, 30)

Detections = Sequence[tuple[int, int, Box, float]]
RIGHT = (1, 1, B, 0.8)


@pytest.mark.parametrize(
    ("detections", "kind", "cost"),
    [
        ([(0, 1, A, 0.9), RIGHT], "classification", 0.75),
        ([(0, 0, ASIDE, 0.9), RIGHT], "localization", 0.5),
        ([(0, 1, ASIDE, 0.9), RIGHT], "both", 0.25),
        ([(0, 0, A, 0.9), (0, 0, A, 0.85), RIGHT], "duplicate", 0.0),
        ([(0, 0, A, 0.9), (0, 1, ELSEWHERE, 0.85), RIGHT], "background", 0.25),
    ],
)
def test_each_kind_of_error_is_told_with_what_it_costs(detections: Detections, kind: str, cost: float) -> None:
    errors = diagnose(found(detections), truth_of([(0, 0, A), (1, 1, B)])).errors
    assert errors.counts[kind] == 1
    assert errors.costs[kind] == pytest.approx(cost)
    others = {name: count for name, count in errors.counts.items() if name not in (kind, "missed")}
    assert set(others.values()) == {0}


def test_an_object_without_any_error_near_it_is_missed() -> None:
    truth = truth_of([(0, 0, A), (1, 0, B), (2, 1, B)])
    errors = diagnose(found([(1, 0, B, 0.9), (2, 1, B, 0.9)]), truth).errors
    assert errors.counts == {**dict.fromkeys(ERROR_KINDS, 0), "missed": 1}
    assert errors.costs["missed"] == errors.false_negatives == pytest.approx(1 - errors.map50)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("boxes", [40, 400])
def test_errors_are_those_of_the_definition(seed: int, boxes: int) -> None:
    """Crowds, images and a class without truth are among the data."""
    rng = np.random.default_rng([seed, boxes])
    truth = random_truth(rng)
    predictions = random_predictions(rng, truth, boxes=boxes)
    counted = _without_crowds_and_what_found_them(truth, predictions)
    costs, counts = reference_costs(*counted)
    errors = diagnose(predictions, truth).errors
    assert errors.map50 == pytest.approx(costs.pop("base"))
    assert errors.costs == pytest.approx(costs)
    assert errors.counts == {kind: counts[kind] for kind in ERROR_KINDS}


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**31), st.integers(1, 300), st.booleans())
def test_sums_hold(seed: int, boxes: int, ties: bool) -> None:
    rng = np.random.default_rng(seed)
    truth = random_truth(rng)
    predictions = random_predictions(rng, truth, boxes=boxes, ties=ties)
    diagnosis = diagnose(predictions, truth)
    columns, classes = truth.boxes(), len(truth.categories)
    counts = np.array(diagnosis.confusion.counts)
    objects = np.bincount(columns.labels[~columns.is_crowd], minlength=classes)
    matches = match(predictions, truth)
    looked_at = (matches.scores >= diagnosis.confusion.score_thr) & (matches.truths[0] != IGNORED)
    assert counts[:-1].sum(axis=1).tolist() == objects.tolist() == [one.objects for one in diagnosis.classes]
    assert counts[:, :-1].sum(axis=0).tolist() == np.bincount(matches.labels[looked_at], minlength=classes).tolist()
    wrong = np.count_nonzero(matches.truths[0] == -1)
    assert sum(diagnosis.errors.counts.values()) - diagnosis.errors.counts["missed"] == wrong
    assert sum(one.count for one in diagnosis.reliability.bins) == np.count_nonzero(matches.truths[0] != IGNORED)
    assert min(diagnosis.errors.costs.values()) >= 0


@pytest.mark.parametrize("seed", range(4))
def test_class_details_are_pycocotools(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = random_truth(rng)
    predictions = random_predictions(rng, truth, ties=True)
    diagnosis, official = diagnose(predictions, truth), evaluate(truth, predictions)
    for size in ("map_small", "map_medium", "map_large"):
        known = [value for one in diagnosis.classes if (value := getattr(one, size)) is not None]
        assert np.mean(known) == pytest.approx(getattr(official, size), abs=1e-9)
    for one in diagnosis.classes:
        expected = official.classes[one.name]
        assert one.map50 == pytest.approx(expected.map50)
        assert one.map == pytest.approx(expected.map)
        if one.precision is None:
            assert (one.objects, one.map50) == (0, None)
        else:
            assert np.mean(one.precision) == pytest.approx(one.map50)
            assert np.all(np.diff(one.precision) <= 0)


def test_reliability_is_the_gap_between_scores_and_hits() -> None:
    rng = np.random.default_rng(1)
    truth = random_truth(rng)
    predictions = random_predictions(rng, truth)
    matches = match(predictions, truth)
    counts = matches.truths[0] != IGNORED
    scores, right = matches.scores[counts].astype(float), matches.truths[0][counts] >= 0
    bins = np.minimum((scores * BINS).astype(int), BINS - 1)
    gaps = np.array([abs(scores[bins == one].mean() - right[bins == one].mean()) for one in range(BINS)])
    reliability = diagnose(predictions, truth).reliability
    assert [one.count for one in reliability.bins] == np.bincount(bins, minlength=BINS).tolist()
    assert reliability.error == pytest.approx(np.average(gaps, weights=np.bincount(bins, minlength=BINS)))
    assert reliability.largest_gap == pytest.approx(gaps.max())


def test_confusion_is_read_from_true_rows_to_predicted_columns() -> None:
    truth = truth_of([(0, 0, A), (0, 1, B), (1, 1, B)])
    predictions = found([(0, 1, A, 0.9), (0, 1, B, 0.9), (1, 0, ELSEWHERE, 0.9)])
    confusion = diagnose(predictions, truth).confusion
    assert confusion.counts == ((0, 1, 0), (0, 1, 1), (1, 0, 0))
    assert confusion.score_thr == best_f1_threshold(match(predictions, truth))


@pytest.mark.parametrize("detections", [[], [(0, 0, A, 0.5)]])
@pytest.mark.parametrize("objects", [[], [(0, 0, A)]])
def test_what_is_empty_can_be_told_too(detections: Detections, objects: Sequence[tuple[int, int, Box]]) -> None:
    diagnosis = diagnose(found(detections), truth_of(objects))
    assert json.loads(json.dumps(asdict(diagnosis), allow_nan=False))["images"] == 3
    assert diagnosis.classes[1].map50 is None


def _without_crowds_and_what_found_them(truth: Dataset, predictions: Predictions) -> tuple[Predictions, Dataset]:
    matches = match(predictions, truth)
    counts = matches.truths[0] != IGNORED
    counted = replace(
        predictions,
        image_ids=matches.image_ids[matches.images[counts]],
        model_ids=np.zeros(np.count_nonzero(counts), np.int32),
        boxes=matches.boxes[counts],
        scores=matches.scores[counts],
        labels=matches.labels[counts],
    )
    return counted, replace(truth, annotations=tuple(a for a in truth.annotations if not a.iscrowd))
