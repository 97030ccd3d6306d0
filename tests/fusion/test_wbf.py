from collections.abc import Callable
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import pytest
from ensemble_boxes import weighted_boxes_fusion

from recycle.errors import DataError, RecipeError
from recycle.fusion.wbf import ConfidenceType, WbfSettings, fuse
from recycle.predictions.values import Predictions, concatenate
from tests.evaluation.scenes import HEIGHT, WIDTH, Box, found, random_predictions, random_truth
from tests.predictions.strategies import assert_same

IMAGES = range(30)
SIZES = dict.fromkeys(IMAGES, (WIDTH, HEIGHT))
SCALE = np.array([WIDTH, HEIGHT, WIDTH, HEIGHT])
BOX: Box = (20, 30, 100, 60)


def several_models(seed: int, *, count: int = 3, boxes: int = 500) -> Predictions:
    """Models that each miss other images: model m does not cover images m, m + 5, m + 10."""
    rng = np.random.default_rng(seed)
    truth = random_truth(rng)
    parts = [random_predictions(rng, truth, boxes=boxes, name=f"model {number}") for number in range(count)]
    missed = [{number, number + 5, number + 10} for number in range(count)]
    return concatenate([part.of_images(set(IMAGES) - images) for part, images in zip(parts, missed, strict=True)])


def fused_one_by_one(value: Predictions, settings: WbfSettings) -> dict[int, list[npt.NDArray[np.float64]]]:
    """The plain loop: `ensemble_boxes` on each image with the models that cover it."""
    results = {}
    for image in value.covered.tolist():
        covering = [m for m, ids in enumerate(value.coverage) if image in ids]
        masks = [(value.image_ids == image) & (value.model_ids == m) for m in covering]
        results[image] = weighted_boxes_fusion(
            [value.boxes[mask] / SCALE for mask in masks],
            [value.scores[mask] for mask in masks],
            [value.labels[mask] for mask in masks],
            weights=[(settings.weights or (1,) * 9)[m] for m in covering],
            iou_thr=settings.iou_thr,
            skip_box_thr=settings.skip_box_thr,
            conf_type=settings.conf_type,
        )
    return results


@pytest.mark.parametrize("conf_type", get_args(ConfidenceType))
@pytest.mark.parametrize("weights", [(), (1, 2, 0.5)])
@pytest.mark.parametrize(("iou_thr", "skip_box_thr"), [(0.55, 0.001), (0.4, 0.2), (1, 0), (0, 0.5)])
def test_equal_to_ensemble_boxes_on_each_image(
    conf_type: ConfidenceType, weights: tuple[float, ...], iou_thr: float, skip_box_thr: float
) -> None:
    value = several_models(int(100 * iou_thr))
    settings = WbfSettings(iou_thr, skip_box_thr, weights, conf_type)
    fused = fuse(value, SIZES, settings, "fused")
    assert fused.models == ("fused",)
    assert np.all(np.diff(fused.image_ids) >= 0)
    for image, (boxes, scores, labels) in fused_one_by_one(value, settings).items():
        mine = fused.of_images([image])
        np.testing.assert_allclose(mine.boxes, boxes * SCALE, atol=1e-4)
        np.testing.assert_allclose(mine.scores, np.minimum(scores, 1), atol=1e-6)
        np.testing.assert_array_equal(mine.labels, labels)


def test_scores_are_rescaled_by_the_models_that_cover_the_image() -> None:
    first = found([(0, 0, BOX, 0.8), (1, 0, BOX, 0.8)], images=[0, 1, 2]).renamed("first")
    second = Predictions.empty(["second"], [np.array([1])])
    fused = fuse(concatenate([first, second]), SIZES, WbfSettings(), "fused")
    assert fused.image_ids.tolist() == [0, 1]
    assert fused.scores.tolist() == pytest.approx([0.8, 0.4])
    assert fused.coverage[0].tolist() == [0, 1, 2]


def test_one_model_has_its_own_overlapping_boxes_merged() -> None:
    shifted = (20, 30, 100, 66)
    fused = fuse(found([(0, 0, BOX, 0.75), (0, 0, shifted, 0.25), (0, 1, BOX, 0.5)]), SIZES, WbfSettings(), "fused")
    assert fused.labels.tolist() == [1, 0]
    assert fused.boxes.tolist() == [pytest.approx([20, 30, 120, 90]), pytest.approx([20, 30, 120, 91.5])]


def test_boxes_that_meet_no_other_keep_their_place_exactly() -> None:
    value = several_models(3, count=1)
    fused = fuse(value, SIZES, WbfSettings(iou_thr=1, skip_box_thr=0), "fused")
    order = np.lexsort((-value.scores, value.image_ids))
    np.testing.assert_array_equal(fused.boxes, value.boxes[order])
    np.testing.assert_array_equal(fused.scores, value.scores[order])


@pytest.mark.parametrize("conf_type", get_args(ConfidenceType))
def test_the_order_of_models_and_boxes_changes_nothing(conf_type: ConfidenceType) -> None:
    value = several_models(5)
    settings = WbfSettings(weights=(1, 2, 3), conf_type=conf_type)
    turned = concatenate([value.of_model(name) for name in reversed(value.models)])
    fused = fuse(value, SIZES, settings, "fused")
    assert_same(fuse(turned, SIZES, replace(settings, weights=(3, 2, 1)), "fused"), fused)
    order = np.random.default_rng(0).permutation(len(value))
    columns = ("image_ids", "model_ids", "boxes", "scores", "labels")
    shuffled = replace(value, **{name: getattr(value, name)[order] for name in columns})
    assert_same(fuse(shuffled, SIZES, settings, "fused"), fused)


def test_images_of_different_sizes_do_not_mix() -> None:
    value = found([(0, 0, BOX, 0.8), (1, 0, BOX, 0.8)])
    fused = fuse(value, {0: (WIDTH, HEIGHT), 1: (4000, 3000), 2: (1, 1)}, WbfSettings(), "fused")
    np.testing.assert_allclose(fused.boxes, value.boxes, rtol=1e-6)


@pytest.mark.parametrize("images", [[], [4, 7]])
def test_no_boxes(images: list[int]) -> None:
    fused = fuse(found([], images=images), SIZES, WbfSettings(), "fused")
    assert len(fused) == 0
    assert fused.coverage[0].tolist() == images


def test_no_models_are_refused() -> None:
    with pytest.raises(DataError, match="at least one model, but got none"):
        fuse(Predictions.empty([], []), SIZES, WbfSettings(), "fused")


def test_boxes_without_a_score_are_left_out() -> None:
    value = found([(0, 0, BOX, 0.75), (0, 0, BOX, 0.0), (1, 0, BOX, 0.0), (1, 0, BOX, 0.0)])
    fused = fuse(value, SIZES, WbfSettings(skip_box_thr=0), "fused")
    assert fused.image_ids.tolist() == [0]
    assert fused.scores.tolist() == [0.75]


def test_scores_above_one_are_cut() -> None:
    first = found([(0, 0, BOX, 1.0), (0, 0, BOX, 1.0)]).renamed("first")
    second = Predictions.empty(["second"], [np.array([0])])
    fused = fuse(concatenate([first, second]), SIZES, WbfSettings(weights=(3, 1)), "fused")
    assert fused.scores.tolist() == [1]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: WbfSettings(iou_thr=1.5), "iou_thr must be between 0 and 1 inclusive, but got iou_thr=1.5"),
        (lambda: WbfSettings(iou_thr=float("nan")), "but got iou_thr=nan"),
        (lambda: WbfSettings(skip_box_thr=-0.1), "skip_box_thr must be between .* but got skip_box_thr=-0.1"),
        (lambda: WbfSettings(weights=(1, -1)), r"weights must be finite, from 0 .* got weights=\(1, -1\)"),
        (lambda: WbfSettings(weights=(0, 0)), r"not all 0, but got weights=\(0, 0\)"),
        (lambda: WbfSettings(weights=(1, float("inf"))), "weights must be finite"),
        (lambda: WbfSettings(weights=(1, float("nan"))), "weights must be finite"),
        (lambda: WbfSettings(conf_type="mean"), "conf_type must be one of avg, max, .* but got conf_type='mean'"),  # type: ignore[arg-type]
        (lambda: WbfSettings(class_weights=((1, 0),)), "class_weights must be positive"),
        (
            lambda: WbfSettings(class_weights=((1, 2), (1, -2))),
            r"class_weights must be positive .* but got .*\(1, -2\)",
        ),
        (lambda: WbfSettings(class_weights=((1, 2), (1,))), "class_weights must be equally many for each model"),
        (lambda: fuse(found([]), SIZES, WbfSettings(weights=(1, 2)), "fused"), "one for each of 1 models"),
        (lambda: fuse(found([]), SIZES, WbfSettings(class_weights=((1,), (2,))), "fused"), "one for each of 1 models"),
        (
            lambda: fuse(found([(0, 1, BOX, 0.5)]), SIZES, WbfSettings(class_weights=((1,),)), "fused"),
            "one for each class, but there are 1 and a label 1",
        ),
    ],
)
def test_wrong_settings_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        make()


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({0: (WIDTH, HEIGHT), 1: (WIDTH, HEIGHT)}, "must have a size, but image 2 has none"),
        ({**SIZES, 1: (100, HEIGHT)}, r"row 1 \(image 1\): box must lie within the image of 100 x 150 pixels"),
        ({**SIZES, 0: (119, HEIGHT), 1: (100, HEIGHT)}, r"row 0 \(image 0\): box must lie within"),
        ({**SIZES, 1: (WIDTH, 89)}, r"row 1 \(image 1\): box must lie within the image of 200 x 89 pixels"),
    ],
)
def test_boxes_must_lie_on_known_images(sizes: dict[int, tuple[int, int]], message: str) -> None:
    value = found([(0, 0, BOX, 0.8), (1, 0, BOX, 0.8)])
    with pytest.raises(DataError, match=message):
        fuse(value, sizes, WbfSettings(), "fused")
