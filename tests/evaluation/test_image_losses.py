"""What perfect images are worth, against making them perfect and scoring anew."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recycle.data.coco import Dataset
from recycle.evaluation.average_precision import mean_average_precision
from recycle.evaluation.image_losses import image_losses, worst_images
from recycle.evaluation.matching import match
from recycle.predictions.values import Predictions
from tests.evaluation.scenes import Box, found, random_predictions, random_truth, truth_of

A: Box = (10, 10, 50, 50)
B: Box = (100, 80, 40, 40)


def perfected(predictions: Predictions, truth: Dataset, image_id: int) -> Predictions:
    """Puts the image's objects, with a score above all others, in the place of what was detected on it."""
    columns = truth.boxes()
    own, others = (columns.image_ids == image_id) & ~columns.is_crowd, predictions.image_ids != image_id
    return replace(
        predictions,
        image_ids=np.concatenate([columns.image_ids[own], predictions.image_ids[others]]),
        model_ids=np.zeros(own.sum() + others.sum(), np.int32),
        boxes=np.concatenate([columns.boxes[own], predictions.boxes[others]]),
        scores=np.concatenate([np.ones(own.sum(), np.float32), predictions.scores[others] / 2]),
        labels=np.concatenate([columns.labels[own], predictions.labels[others]]),
    )


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**31), st.integers(1, 300), st.booleans())
def test_losses_are_what_perfect_images_bring(seed: int, boxes: int, ties: bool) -> None:
    """Crowds, images and a class without truth are among the data."""
    rng = np.random.default_rng(seed)
    truth = random_truth(rng, images=12)
    predictions = random_predictions(rng, truth, boxes=boxes, ties=ties)
    matches = match(predictions, truth)
    now = mean_average_precision(matches)
    expected = [
        mean_average_precision(match(perfected(predictions, truth, image_id), truth)) - now
        for image_id in matches.image_ids.tolist()
    ]
    assert image_losses(matches) == pytest.approx(np.array(expected), abs=1e-9)


def test_worst_image_comes_first_with_what_is_wrong_on_it() -> None:
    truth = truth_of([(0, 0, A), (1, 0, A), (1, 0, B), (2, 1, B)])
    detections = [(0, 0, A, 0.9), (1, 0, B, 0.8), (1, 1, B, 0.7), (2, 1, B, 0.6), (1, 0, (150, 5, 20, 20), 0.1)]
    worst, *_ = worst_images(found(detections), truth, 5)
    assert worst.image_id == 1
    assert worst.missed.boxes == ((10, 10, 60, 60),)
    assert (worst.missed.labels, worst.missed.scores) == ((0,), ())
    assert worst.right.labels == (0,)
    assert worst.false.labels == (1,)
    assert worst.false.scores == pytest.approx((0.7,))
    assert worst.score_thr == pytest.approx(0.6)


def test_missed_objects_are_those_of_the_image_whatever_their_order() -> None:
    truth = truth_of([(1, 1, A), (0, 0, A), (1, 0, B), (1, 0, A), (2, 1, B)])
    (worst, *_) = worst_images(found([(1, 0, A, 0.9), (0, 0, A, 0.9), (2, 1, B, 0.9)]), truth, 1)
    assert worst.image_id == 1
    assert list(zip(worst.missed.labels, worst.missed.boxes, strict=True)) == [
        (0, (100, 80, 140, 120)),
        (1, (10, 10, 60, 60)),
    ]


def test_at_most_as_many_as_asked_and_none_without_loss() -> None:
    truth = truth_of([(image, 0, A) for image in range(3)])
    assert len(worst_images(found([]), truth, 2)) == 2
    assert worst_images(found([(image, 0, A, 0.9) for image in range(3)]), truth, 2) == ()
    assert worst_images(found([(0, 0, A, 0.9)]), truth_of([]), 2) == ()
