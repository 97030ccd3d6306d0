"""mAP merged from parts, against that of all images at once."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recycle.data.coco import Dataset
from recycle.evaluation.average_precision import mean_average_precision
from recycle.evaluation.matching import match
from recycle.evaluation.merged_precision import merged_mean_average_precision, rank
from recycle.predictions.values import Predictions
from tests.evaluation.scenes import found, random_predictions, random_truth, truth_of

HERE = (10.0, 10.0, 40.0, 40.0)


def merged(predictions: Predictions, truth: Dataset, parts: int, iou_thrs: tuple[float, ...] = (0.5,)) -> float:
    images = np.array_split(predictions.covered, parts)
    ranked = [rank(match(predictions.of_images(part), truth, iou_thrs)) for part in images]
    return merged_mean_average_precision(ranked)


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), parts=st.integers(1, 40), ties=st.booleans())
def test_it_is_that_of_all_images_at_once(seed: int, parts: int, ties: bool) -> None:
    """Crowds, ties between images, a class without objects and parts without images are among them."""
    rng = np.random.default_rng(seed)
    truth = random_truth(rng)
    predictions = random_predictions(rng, truth, ties=ties)
    for iou_thrs in ((0.5,), (0.5, 0.75, 0.95)):
        whole = mean_average_precision(match(predictions, truth, iou_thrs))
        assert merged(predictions, truth, parts, iou_thrs) == pytest.approx(whole, abs=1e-12)


def test_equal_scores_rank_in_the_order_of_the_parts() -> None:
    right, wrong = (0, 0, HERE, 0.5), (1, 0, HERE, 0.5)
    truth, predictions = truth_of([(0, 0, HERE)]), found([wrong, right])
    first, second, _ = (rank(match(predictions.of_images([image]), truth)) for image in (0, 1, 2))
    assert merged_mean_average_precision([first, second]) == pytest.approx(1)
    assert merged_mean_average_precision([second, first]) == pytest.approx(0.5)


def test_without_objects_or_detections_it_is_zero() -> None:
    assert merged(found([(0, 0, HERE, 0.9)]), truth_of([]), 2) == 0
    assert merged(found([]), truth_of([(0, 0, HERE)]), 2) == 0


def test_a_detection_takes_few_bytes() -> None:
    rng = np.random.default_rng(0)
    truth = random_truth(rng)
    matches = match(random_predictions(rng, truth, boxes=20_000), truth)
    assert len(pickle.dumps(rank(matches))) < 5.5 * len(matches)
