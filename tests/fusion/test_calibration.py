import json
from collections.abc import Callable
from dataclasses import asdict, replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit

from recycle.data.coco import Dataset
from recycle.errors import DataError
from recycle.fusion.calibration import (
    FEWEST,
    Calibrator,
    calibrated,
    calibrated_out_of_fold,
    fit_calibrators,
    folds_of,
)
from recycle.fusion.settings import Calibration
from recycle.predictions.values import Predictions, concatenate
from tests.evaluation.scenes import found, truth_of
from tests.fusion.scenes import alternating_folds
from tests.predictions.strategies import assert_same

Chance = Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]
CELLS = 20
KINDS: tuple[Calibration, ...] = ("isotonic", "temperature")
GRID = np.linspace(0, 1, 1001).astype(np.float32)


def squared(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return scores**2


def sharpened(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(expit(logit(scores) / 0.5 - 1))


def scene(chance: Chance, *, images: int = 100, seed: int = 0, name: str = "model") -> tuple[Predictions, Dataset]:
    """A truth in each of twenty cells of an image, and a box there, right with the chance that its score has."""
    rng = np.random.default_rng(seed)
    cells = [
        (image, (40.0 * (cell % 5), 35.0 * (cell // 5), 38.0, 33.0)) for image in range(images) for cell in range(CELLS)
    ]
    scores = rng.uniform(0.01, 0.99, len(cells))
    labels = (rng.random(len(cells)) >= chance(scores)).astype(int)
    boxes = [
        (image, int(label), box, float(score)) for (image, box), label, score in zip(cells, labels, scores, strict=True)
    ]
    truth = truth_of([(image, 0, box) for image, box in cells], images=images)
    return found(boxes, images=range(images)).renamed(name), truth


def log_loss(predictions: Predictions) -> float:
    """Of a scene: right boxes are those of class 0."""
    chances = np.clip(predictions.scores.astype(np.float64), 1e-6, 1 - 1e-6)
    return float(-np.log(np.where(predictions.labels == 0, chances, 1 - chances)).mean())


@pytest.mark.parametrize(
    ("kind", "chance", "tolerance"),
    [("isotonic", squared, 0.08), ("temperature", sharpened, 0.03), ("isotonic", sharpened, 0.08)],
)
def test_a_known_distortion_is_found(kind: Calibration, chance: Chance, tolerance: float) -> None:
    predictions, truth = scene(chance, images=200)
    calibrator = fit_calibrators(predictions, truth, kind)["model"]
    inner = GRID[20:-20]
    np.testing.assert_allclose(calibrator(inner), chance(inner.astype(np.float64)), atol=tolerance)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("chance", [squared, sharpened])
def test_new_images_lose_less(kind: Calibration, chance: Chance) -> None:
    calibrators = fit_calibrators(*scene(chance), kind)
    fresh, _ = scene(chance, seed=1)
    assert log_loss(calibrated(fresh, calibrators)) < log_loss(fresh) - 0.02


@pytest.mark.parametrize("kind", KINDS)
def test_out_of_fold_scores_lose_less(kind: Calibration) -> None:
    predictions, truth = scene(squared)
    after = calibrated_out_of_fold(predictions, truth, alternating_folds(truth, 5), kind)
    assert log_loss(after) < log_loss(predictions) - 0.02


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(KINDS), st.integers(0, 1000), st.floats(0, 8))
def test_calibrators_rise_strictly_from_0(kind: Calibration, seed: int, power: float) -> None:
    predictions, truth = scene(lambda scores: 0.9 * scores**power, images=10, seed=seed)
    calibrator = fit_calibrators(predictions, truth, kind)["model"]
    values = calibrator(GRID)
    assert values[0] == 0
    assert values[-1] <= 1
    assert np.all(np.diff(values) > 0)


@pytest.mark.parametrize("kind", KINDS)
def test_scores_that_tell_nothing_or_the_contrary_keep_their_order(kind: Calibration) -> None:
    predictions, truth = scene(lambda scores: 1 - scores)
    assert np.all(np.diff(fit_calibrators(predictions, truth, kind)["model"](GRID)) > 0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("chance", [np.zeros_like, np.ones_like])
def test_too_few_right_or_wrong_boxes_change_nothing(kind: Calibration, chance: Chance) -> None:
    predictions, truth = scene(chance)
    assert fit_calibrators(predictions, truth, kind) == {"model": Calibrator()}
    assert_same(calibrated_out_of_fold(predictions, truth, alternating_folds(truth), kind), predictions)


def test_the_fewest_boxes_that_are_enough() -> None:
    for right, is_enough in ((FEWEST, True), (FEWEST - 1, False)):
        predictions, truth = scene(np.zeros_like)
        labels = np.where(np.arange(len(predictions)) < right, 0, predictions.labels)
        fitted = fit_calibrators(replace(predictions, labels=labels), truth, "temperature")["model"]
        assert (fitted != Calibrator()) == is_enough


def test_boxes_on_crowds_count_neither_way() -> None:
    predictions, truth = scene(squared)
    crowds = replace(truth, annotations=tuple(replace(a, iscrowd=a.image_id >= 50) for a in truth.annotations))
    on_crowd = (predictions.labels == 0) & (predictions.image_ids >= 50)
    columns = ("image_ids", "model_ids", "boxes", "scores", "labels")
    others = replace(predictions, **{name: getattr(predictions, name)[~on_crowd] for name in columns})
    fitted = fit_calibrators(predictions, crowds, "isotonic")
    assert fitted == fit_calibrators(others, crowds, "isotonic") != fit_calibrators(predictions, truth, "isotonic")


@settings(max_examples=8, deadline=None)
@given(st.sampled_from(KINDS), st.integers(0, 2), st.integers(0, 1000))
def test_what_is_annotated_in_a_fold_does_not_reach_its_scores(kind: Calibration, fold: int, seed: int) -> None:
    one, truth = scene(squared, images=30, seed=seed, name="one")
    other, _ = scene(sharpened, images=30, seed=seed + 1, name="other")
    oof, folds = concatenate([one, other]), alternating_folds(truth, 3)
    inside = folds_of(np.arange(30), truth, folds) == fold
    blind = replace(truth, annotations=tuple(a for a in truth.annotations if not inside[a.image_id]))
    before, after = (calibrated_out_of_fold(oof, each, folds, kind) for each in (truth, blind))
    rows = inside[oof.image_ids]
    np.testing.assert_array_equal(after.scores[rows], before.scores[rows])
    assert not np.array_equal(after.scores[~rows], before.scores[~rows])


def test_models_have_their_own_calibrators() -> None:
    (one, truth), (other, _) = scene(squared, name="one"), scene(sharpened, seed=1, name="other")
    both = fit_calibrators(concatenate([one, other]), truth, "isotonic")
    assert both == {**fit_calibrators(one, truth, "isotonic"), **fit_calibrators(other, truth, "isotonic")}
    after = calibrated(concatenate([other, one]), both)
    assert_same(after.of_model("one"), calibrated(one, both))


def test_none_changes_nothing() -> None:
    predictions, truth = scene(squared, images=4)
    assert fit_calibrators(predictions, truth, "none") == {"model": Calibrator()}
    assert calibrated_out_of_fold(predictions, truth, alternating_folds(truth), "none") is predictions
    np.testing.assert_array_equal(Calibrator()(GRID), GRID)


@pytest.mark.parametrize("kind", KINDS)
def test_a_calibrator_can_be_stored_as_json(kind: Calibration) -> None:
    calibrator = fit_calibrators(*scene(squared), kind)["model"]
    document = json.loads(json.dumps(asdict(calibrator), allow_nan=False))
    np.testing.assert_array_equal(Calibrator(**document)(GRID), calibrator(GRID))


def test_folds_of_images_in_any_order() -> None:
    truth = truth_of([], images=5)
    turned = replace(truth, images=truth.images[::-1])
    folds = alternating_folds(truth, 3)
    for each in (truth, turned):
        assert folds_of(np.array([4, 0, 4, 2]), each, folds).tolist() == [1, 0, 1, 2]


@pytest.mark.parametrize("calibration", KINDS)
@pytest.mark.parametrize("image", [1, 7])
def test_images_that_are_not_in_the_data_set_are_refused(calibration: Calibration, image: int) -> None:
    whole = truth_of([(0, 0, (10, 10, 40, 40))])
    truth, folds = whole.subset([0, 2]), alternating_folds(whole)
    oof = found([(image, 0, (10, 10, 40, 40), 0.5)], images=[image])
    with pytest.raises(DataError, match=f"must be of images of the data set, but got image_id={image}"):
        calibrated_out_of_fold(oof, truth, folds, calibration)
