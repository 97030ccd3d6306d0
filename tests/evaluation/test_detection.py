import json

import numpy as np
import pytest

from recycle.errors import DataError
from recycle.evaluation.detection import evaluate
from recycle.predictions.values import Predictions
from tests.evaluation.scenes import Box, found, random_predictions, random_truth, truth_of

BIG: Box = (10, 10, 100, 100)
SMALL: Box = (150, 100, 20, 20)


@pytest.mark.parametrize("first_id", [0, 1, 1000])
def test_perfect_predictions_score_one_whatever_the_ids(first_id: int) -> None:
    truth = truth_of([(0, 0, BIG), (1, 1, SMALL)], first_id=first_id)
    scores = evaluate(truth, found([(0, 0, BIG, 0.9), (1, 1, SMALL, 0.8)]))
    found_sizes = [scores.map50, scores.map, scores.map75, scores.map_small, scores.map_large]
    assert found_sizes == pytest.approx([1] * 5)
    assert scores.map_medium is None
    assert scores.images == 3


def test_half_found_has_half_the_recall() -> None:
    truth = truth_of([(0, 0, BIG), (1, 0, BIG)])
    scores = evaluate(truth, found([(0, 0, BIG, 0.9)]))
    # precision is 1 at the 51 of 101 recall points up to 0.50
    assert scores.map50 == pytest.approx(51 / 101)


def test_a_higher_false_alarm_halves_the_precision() -> None:
    truth = truth_of([(0, 0, BIG)])
    scores = evaluate(truth, found([(0, 0, BIG, 0.5), (1, 0, BIG, 0.9)]))
    assert scores.map50 == pytest.approx(0.5)


def test_iou_decides_which_thresholds_are_met() -> None:
    # 100 x 100 against 100 x 78: IoU 0.78 meets 0.50, 0.55, ... 0.75, six of ten thresholds
    scores = evaluate(truth_of([(0, 0, BIG)]), found([(0, 0, (10, 10, 100, 78), 0.9)]))
    assert [scores.map50, scores.map75, scores.map] == pytest.approx([1, 1, 0.6])


def test_classes_are_averaged_and_one_without_truth_is_none() -> None:
    truth = truth_of([(0, 0, BIG), (1, 1, BIG)], classes=3)
    scores = evaluate(truth, found([(0, 0, BIG, 0.9), (1, 2, BIG, 0.9)]))
    assert scores.map50 == pytest.approx(0.5)
    assert list(scores.classes) == ["class 0", "class 1", "class 2"]
    assert [score.map50 for score in scores.classes.values()] == [pytest.approx(1), 0, None]


def test_only_covered_images_count() -> None:
    truth = truth_of([(0, 0, BIG), (2, 0, BIG)])
    assert evaluate(truth, found([(0, 0, BIG, 0.9)], images=[0, 1])).map50 == pytest.approx(1)
    assert evaluate(truth, found([(0, 0, BIG, 0.9)], images=[0, 1, 2])).map50 == pytest.approx(51 / 101)


def test_crowds_are_neither_found_nor_missed() -> None:
    crowd = truth_of([(0, 0, BIG)], crowd=True)
    assert evaluate(crowd, found([])).map50 is None
    assert evaluate(crowd, found([(0, 0, BIG, 0.9)])).map50 is None


@pytest.mark.parametrize(("better", "expected"), [(99, 1 / 100), (100, 0)])
def test_the_hundred_best_of_an_image_and_class_count(better: int, expected: float) -> None:
    noise = [(0, 0, SMALL, 0.9)] * better
    scores = evaluate(truth_of([(0, 0, BIG)]), found([*noise, (0, 0, BIG, 0.5)]))
    assert scores.map50 == pytest.approx(expected)


def test_nothing_found_scores_zero() -> None:
    assert evaluate(truth_of([(0, 0, BIG)]), found([])).map50 == 0


def test_nothing_covered_has_no_score() -> None:
    assert evaluate(truth_of([(0, 0, BIG)]), found([], images=[])).map50 is None


def test_json_and_silence(capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    truth = random_truth(rng)
    scores = evaluate(truth, random_predictions(rng, truth))
    assert capsys.readouterr().out == ""
    document = json.loads(json.dumps(scores.to_json(), allow_nan=False))
    assert document["map50"] == scores.map50
    assert document["classes"]["class 0"]["map50"] == scores.classes["class 0"].map50
    assert document["classes"]["class 4"] == {"map50": None, "map": None}


@pytest.mark.parametrize(
    ("predictions", "message"),
    [
        (Predictions.empty(["a", "b"], [np.array([0]), np.array([1])]), "one model, but got 2 models"),
        (found([(0, 2, BIG, 0.9)]), "below the number of classes, 2, but got label=2"),
        (found([], images=[0, 99]), "99"),
    ],
)
def test_what_does_not_fit_is_refused(predictions: Predictions, message: str) -> None:
    with pytest.raises(DataError, match=message):
        evaluate(truth_of([(0, 0, BIG)]), predictions)
