from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recycle.errors import DataError
from recycle.evaluation.average_precision import mean_average_precision
from recycle.evaluation.matching import IGNORED, MISSED, Matches, match, merge
from recycle.predictions.values import Predictions
from tests.evaluation.scenes import Box, found, random_predictions, random_truth, truth_of

HERE, THERE, HALF_OF_HERE = (10.0, 10.0, 40.0, 40.0), (100.0, 10.0, 40.0, 40.0), (10.0, 10.0, 40.0, 20.0)


@pytest.mark.parametrize(
    ("detections", "expected"),
    [
        ([(HERE, 0.9)], [0]),
        ([(THERE, 0.9)], [1]),
        ([(HALF_OF_HERE, 0.9)], [0]),
        ([(HERE, 0.2), (HALF_OF_HERE, 0.9)], [0, MISSED]),
        ([(HALF_OF_HERE, 0.5), (HERE, 0.5)], [0, MISSED]),
        ([(HERE, 0.9), (HERE, 0.8), (THERE, 0.7)], [0, MISSED, 1]),
        ([((150.0, 100.0, 20.0, 20.0), 0.9)], [MISSED]),
        ([], []),
    ],
)
def test_detections_choose_by_score_and_each_object_is_found_once(
    detections: list[tuple[Box, float]], expected: list[int]
) -> None:
    truth = truth_of([(0, 0, HERE), (0, 0, THERE), (0, 1, HERE)])
    matches = match(found([(0, 0, box, score) for box, score in detections]), truth)
    assert matches.truths.tolist() == [expected]


def test_a_crowd_takes_any_number_and_none_counts() -> None:
    truth = truth_of([(0, 0, (0, 0, 150, 150))], crowd=True)
    matches = match(found([(0, 0, HERE, 0.9), (0, 0, THERE, 0.8)]), truth)
    assert matches.truths.tolist() == [[IGNORED, IGNORED]]
    assert matches.truth_counts.sum() == 0


def test_columns_are_sorted_and_say_where_each_row_belongs() -> None:
    truth = truth_of([(7, 1, HERE), (3, 1, THERE), (3, 0, HERE)], images=10)
    predictions = found([(7, 1, HERE, 0.5), (3, 1, THERE, 0.1), (3, 1, HERE, 0.6)], images=(3, 5, 7))
    matches = match(predictions, truth, (0.5, 0.9))
    assert matches.image_ids.tolist() == [3, 5, 7]
    assert (matches.images.tolist(), matches.labels.tolist()) == ([0, 0, 2], [1, 1, 1])
    np.testing.assert_array_equal(matches.scores, np.array([0.6, 0.1, 0.5], np.float32))
    assert matches.truths.tolist() == [[MISSED, 1, 2]] * 2
    assert (matches.truth_images.tolist(), matches.truth_labels.tolist()) == ([0, 0, 2], [0, 1, 1])
    assert matches.truth_counts.tolist() == [[1, 1], [0, 0], [0, 1]]


def test_the_best_hundred_of_a_label_on_an_image_are_kept() -> None:
    scores = np.random.default_rng(0).permutation(130) / 130
    boxes = [(0, label, HERE, float(score)) for score in scores for label in (0, 1)]
    matches = match(found(boxes), truth_of([]))
    for label in (0, 1):
        np.testing.assert_allclose(matches.scores[matches.labels == label], np.arange(129, 29, -1) / 130, rtol=1e-6)


@pytest.mark.parametrize("iou_thr", [0, -0.5, 1.5, float("nan")])
def test_thresholds_out_of_range_are_refused(iou_thr: float) -> None:
    with pytest.raises(DataError, match=f"above 0 and at most 1, but got iou_thr={iou_thr}"):
        match(found([]), truth_of([]), (0.5, iou_thr))
    with pytest.raises(DataError, match="at least one"):
        match(found([]), truth_of([]), ())


@pytest.mark.parametrize(
    ("predictions", "message"),
    [
        (found([(0, 2, HERE, 0.5)]), "label=2"),
        (found([], images=(0, 99)), "99"),
        (Predictions.empty(("a", "b"), (np.array([0]), np.array([0]))), "one model"),
    ],
)
def test_predictions_that_do_not_fit_the_truth_are_refused(predictions: Predictions, message: str) -> None:
    with pytest.raises(DataError, match=message):
        match(predictions, truth_of([]))


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), parts=st.integers(1, 5), ties=st.booleans())
def test_merged_matches_are_those_of_all_images_at_once(seed: int, parts: int, ties: bool) -> None:
    rng = np.random.default_rng(seed)
    truth = random_truth(rng)
    predictions = random_predictions(rng, truth, ties=ties)
    whole = match(predictions, truth, (0.5, 0.75))
    part_of = rng.integers(0, parts, len(predictions.covered))
    pieces = [
        match(predictions.of_images(images), truth.subset(images), (0.5, 0.75))
        for images in (predictions.covered[part_of == part].tolist() for part in range(parts))
    ]
    merged = merge(pieces)
    for field in fields(Matches):
        np.testing.assert_array_equal(getattr(merged, field.name), getattr(whole, field.name), field.name)
    assert mean_average_precision(merged) == mean_average_precision(whole)


def test_parts_that_do_not_belong_together_are_refused() -> None:
    truth = truth_of([(0, 0, HERE)])
    one, other = (match(found([], images=images), truth) for images in ((0, 1), (2,)))
    cases = [
        ([], "at least one"),
        ([one, one], "share no image, but image 0"),
        ([one, match(found([], images=(2,)), truth, (0.6,))], r"\[0.5\] and \[0.6\]"),
        ([one, replace(other, classes=3)], "2 and 3"),
    ]
    for parts, message in cases:
        with pytest.raises(DataError, match=message):
            merge(parts)
