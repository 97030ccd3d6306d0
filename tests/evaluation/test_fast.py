from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from recycle.errors import DataError
from recycle.evaluation.detection import evaluate
from recycle.evaluation.fast import MapScorer
from recycle.recipe.fusion import Metric
from tests.evaluation.scenes import found, random_predictions, random_truth, truth_of

METRICS: tuple[Metric, ...] = get_args(Metric)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("boxes", [3, 400, 4000])
def test_equal_to_pycocotools(seed: int, ties: bool, boxes: int) -> None:
    """Images and a class without truth, crowds, annotation id 0, and over 100 boxes an image are among the data."""
    rng = np.random.default_rng([seed, ties, boxes])
    truth = random_truth(rng, images=10 if boxes == 4000 else 30)
    predictions = random_predictions(rng, truth, boxes=boxes, ties=ties)
    covered = predictions.of_images(predictions.covered[seed:])
    scores = evaluate(truth, covered)
    for metric in METRICS:
        fast = MapScorer(truth, covered.covered, metric).score(covered)
        assert fast == pytest.approx(getattr(scores, metric), abs=1e-9)


@pytest.mark.parametrize("offset", [-7, 2**53, 20_230_000_000_000_001])
def test_image_ids_may_be_any_integers(offset: int) -> None:
    """As floats some of these ids would be equal."""
    truth = random_truth(np.random.default_rng(4))
    predictions = random_predictions(np.random.default_rng(4), truth)
    expected = MapScorer(truth, predictions.covered).score(predictions)
    moved_truth = replace(
        truth,
        images=tuple(replace(image, id=image.id + offset) for image in truth.images),
        annotations=tuple(replace(a, image_id=a.image_id + offset) for a in truth.annotations),
    )
    moved = replace(
        predictions,
        image_ids=predictions.image_ids + offset,
        coverage=tuple(ids + offset for ids in predictions.coverage),
    )
    assert 0 < expected < 1
    assert MapScorer(moved_truth, moved.covered).score(moved) == expected
    assert evaluate(moved_truth, moved).map50 == pytest.approx(expected, abs=1e-9)


def test_one_scorer_serves_many_predictions() -> None:
    truth = random_truth(np.random.default_rng(0))
    scorer = MapScorer(truth, np.array([image.id for image in truth.images]))
    for seed in range(3):
        predictions = random_predictions(np.random.default_rng(seed), truth)
        assert scorer.score(predictions) == pytest.approx(evaluate(truth, predictions).map50, abs=1e-9)


def test_nothing_found_or_annotated_scores_zero() -> None:
    annotated = truth_of([(0, 0, (10, 10, 100, 100))])
    assert MapScorer(annotated, np.array([0, 1, 2])).score(found([])) == 0
    assert MapScorer(annotated, np.array([1, 2])).score(found([], images=[1, 2])) == 0
    assert MapScorer(annotated, np.array([], np.int64)).score(found([], images=[])) == 0


def test_other_images_are_refused() -> None:
    scorer = MapScorer(truth_of([]), np.array([0, 1]))
    with pytest.raises(DataError, match="must cover the 2 images of the truth"):
        scorer.score(found([], images=[0, 2]))
    with pytest.raises(DataError, match="99"):
        MapScorer(truth_of([]), np.array([0, 99]))
