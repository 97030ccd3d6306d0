"""Weighted boxes fusion against `ensemble_boxes`, on the same random boxes."""

from dataclasses import replace
from typing import Any, get_args

import numba
import numpy as np
import numpy.typing as npt
import pytest
from ensemble_boxes import weighted_boxes_fusion
from hypothesis import given, settings
from hypothesis import strategies as st

from recycle.fusion.wbf import ConfidenceType, WbfSettings, fuse
from recycle.predictions.values import Predictions, concatenate
from tests.predictions.strategies import assert_same

SIDE = 256  # a power of two: dividing by it and multiplying again rounds nothing
Column = npt.NDArray[Any]
COLUMNS = ("image_ids", "model_ids", "boxes", "scores", "labels")
Seeds = st.integers(0, 10_000)
Confidences = st.sampled_from(get_args(ConfidenceType))


def draw(
    seed: int, *, models: int = 3, images: int = 6, boxes: int = 120, labels: int = 3, ties: bool = False
) -> Predictions:
    """Draws boxes around few centres; the last model has none, the last image neither, the first misses image 0."""
    rng = np.random.default_rng(seed)
    count = models * boxes
    low = rng.integers(0, 4, (count, 2)) * 40 + rng.uniform(0, 30, (count, 2))
    corners = np.concatenate([low, low + rng.uniform(20, 90, (count, 2))], axis=1)
    scores = rng.random(count, np.float32)
    image_ids, model_ids = (rng.integers(0, max(most - 1, 1), count) for most in (images, models))
    kept = (image_ids > 0) | (model_ids > 0) | (images == 1)
    return Predictions(
        image_ids=image_ids[kept],
        model_ids=model_ids[kept].astype(np.int32),
        boxes=(np.round(corners / 16) * 16 if ties else corners)[kept].astype(np.float32),
        scores=((np.ceil(scores * 8) / 8).astype(np.float32) if ties else scores)[kept],
        labels=rng.integers(0, labels, count, np.int32)[kept] * 1000,
        models=tuple(f"model {number}" for number in range(models)),
        coverage=(np.arange(int(images > 1), images), *(np.arange(images),) * (models - 1)),
    )


def fuse_all(value: Predictions, chosen: WbfSettings) -> Predictions:
    return fuse(value, {int(image): (SIDE, SIDE) for image in value.covered}, chosen, "fused")


def reference(value: Predictions, image: int, chosen: WbfSettings, scores: Column) -> tuple[Column, ...]:
    """What `ensemble_boxes` makes of the models that cover the image, in pixels."""
    covering = [m for m, ids in enumerate(value.coverage) if image in ids]
    rows = [(value.image_ids == image) & (value.model_ids == m) for m in covering]
    boxes, fused, labels = weighted_boxes_fusion(
        [value.boxes[row] / np.float64(SIDE) for row in rows],
        [scores[row] for row in rows],
        [value.labels[row] for row in rows],
        weights=[(chosen.weights or (1,) * len(value.models))[m] for m in covering],
        iou_thr=chosen.iou_thr,
        skip_box_thr=chosen.skip_box_thr,
        conf_type=chosen.conf_type,
        allows_overflow=chosen.allows_overflow,
    )
    return boxes * SIDE, np.minimum(fused, 1), labels


def assert_parity(value: Predictions, chosen: WbfSettings) -> None:
    fused = fuse_all(value, chosen)
    assert fused.covered.tolist() == value.covered.tolist()
    for image in value.covered.tolist():
        mine = fused.of_images([image])
        boxes, scores, labels = reference(value, image, chosen, value.scores)
        order = np.lexsort((*boxes.T, labels, -scores.astype(np.float32)))
        own = np.lexsort((*mine.boxes.astype(np.float64).T, mine.labels, -mine.scores))
        np.testing.assert_array_equal(mine.scores[own], scores.astype(np.float32)[order])
        np.testing.assert_array_equal(mine.boxes[own], boxes.astype(np.float32)[order])
        np.testing.assert_array_equal(mine.labels[own], labels[order])


@pytest.mark.parametrize("conf_type", get_args(ConfidenceType))
@pytest.mark.parametrize("allows_overflow", [False, True])
@pytest.mark.parametrize(("iou_thr", "skip_box_thr"), [(0.55, 0.0), (0.3, 0.25), (0.0, 0.001), (1.0, 0.0)])
def test_equal_weights(conf_type: ConfidenceType, allows_overflow: bool, iou_thr: float, skip_box_thr: float) -> None:
    assert_parity(draw(1), WbfSettings(iou_thr, skip_box_thr, (), conf_type, allows_overflow))


@pytest.mark.parametrize("conf_type", get_args(ConfidenceType))
@pytest.mark.parametrize("allows_overflow", [False, True])
@pytest.mark.parametrize(
    ("models", "images", "boxes", "labels"),
    [(1, 6, 200, 3), (2, 1, 200, 1), (5, 6, 100, 40), (26, 4, 60, 5), (70, 3, 20, 2)],
)
def test_unequal_weights(
    conf_type: ConfidenceType, allows_overflow: bool, models: int, images: int, boxes: int, labels: int
) -> None:
    # Sums of quarters are exact, so not even the order of summation may show.
    weights = tuple(np.random.default_rng(models).integers(1, 20, models) / 4)
    value = draw(models, models=models, images=images, boxes=boxes, labels=labels)
    assert_parity(value, WbfSettings(0.5, 0.01, weights, conf_type, allows_overflow))


@pytest.mark.parametrize("conf_type", get_args(ConfidenceType))
def test_many_boxes_of_one_label(conf_type: ConfidenceType) -> None:
    value = draw(7, models=6, images=2, boxes=400, labels=1)
    assert_parity(value, WbfSettings(0.6, 0.0, (0.25, 1.5, 2.0, 1.0, 4.0, 0.5), conf_type))


@pytest.mark.parametrize("conf_type", get_args(ConfidenceType))
def test_ties_are_settled_in_the_stated_order(conf_type: ConfidenceType) -> None:
    """The reference sorts ties at random, so its scores are spread in the stated order, by less than float32 sees."""
    value = draw(11, models=4, images=3, boxes=150)
    value = replace(value, scores=(np.ceil(value.scores * 4) / 4).astype(np.float32))
    order = np.lexsort((value.model_ids, *value.boxes.T[::-1], -value.scores))
    spread = value.scores.astype(np.float64)
    spread[order] -= np.arange(len(value)) * 1e-12
    chosen = WbfSettings(0.4, 0.0, (), conf_type)
    fused = fuse_all(value, chosen)
    for image in value.covered.tolist():
        mine, expected = fused.of_images([image]), reference(value, image, chosen, spread)
        for one, other in zip(by_place(mine.boxes, mine.scores, mine.labels), by_place(*expected), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5)


def by_place(boxes: Column, scores: Column, labels: Column) -> tuple[Column, ...]:
    order = np.lexsort((*np.round(boxes.T, 2), labels))
    return boxes[order], scores[order], labels[order]


@settings(max_examples=40, deadline=None)
@given(Seeds, Confidences, st.booleans(), st.integers(1, 9), st.booleans())
def test_the_order_of_models_rows_and_images_changes_nothing(
    seed: int, conf_type: ConfidenceType, overflow: bool, models: int, ties: bool
) -> None:
    rng = np.random.default_rng(seed)
    value = draw(seed, models=models, boxes=40, ties=ties)
    weights = rng.uniform(0.1, 3, models)
    turn, rows = rng.permutation(models), rng.permutation(len(value))
    turned = concatenate([value.of_model(value.models[m]) for m in turn])
    shuffled = replace(turned, **columns_of(turned, rows))
    assert_same(
        fuse_all(shuffled, WbfSettings(0.5, 0.0, tuple(weights[turn]), conf_type, overflow)),
        fuse_all(value, WbfSettings(0.5, 0.0, tuple(weights), conf_type, overflow)),
    )


@settings(max_examples=25, deadline=None)
@given(Seeds, Confidences, st.sampled_from([0.5, 0.25]))
def test_scaling_all_scores_scales_the_result(seed: int, conf_type: ConfidenceType, factor: float) -> None:
    value = draw(seed, models=4, boxes=40)
    scaled = replace(value, scores=value.scores * np.float32(factor))
    chosen = WbfSettings(0.5, 0.0, (), conf_type)
    plain, smaller = fuse_all(value, chosen), fuse_all(scaled, chosen)
    assert_same(smaller, replace(plain, scores=plain.scores * np.float32(factor)))


@settings(max_examples=25, deadline=None)
@given(Seeds, Confidences, st.integers(2, 5))
def test_copies_of_one_model_keep_its_boxes(seed: int, conf_type: ConfidenceType, copies: int) -> None:
    rows = apart(draw(seed, models=1, images=4, boxes=60))
    value = concatenate([rows.renamed(f"copy {number}") for number in range(copies)])
    one, several = (fuse_all(each, WbfSettings(0.5, 0.0, (), conf_type)) for each in (rows, value))
    np.testing.assert_allclose(several.boxes, one.boxes, atol=1e-3)
    np.testing.assert_allclose(several.scores, one.scores, atol=1e-6)
    np.testing.assert_array_equal(several.labels, one.labels)


def apart(value: Predictions) -> Predictions:
    """Keeps the boxes that meet no earlier one of their image and label, so that none are fused among themselves."""
    kept: list[int] = []
    for row in range(len(value)):
        if not any(meet(value, row, other) for other in kept):
            kept.append(row)
    return replace(value, **columns_of(value, np.array(kept)))


def meet(value: Predictions, one: int, other: int) -> bool:
    low, high = (
        np.maximum(value.boxes[one], value.boxes[other])[:2],
        np.minimum(value.boxes[one], value.boxes[other])[2:],
    )
    same = value.image_ids[one] == value.image_ids[other] and value.labels[one] == value.labels[other]
    return bool(same and np.all(low < high))


def columns_of(value: Predictions, rows: Column) -> dict[str, Any]:
    return {name: getattr(value, name)[rows] for name in COLUMNS}


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="needs two threads")
def test_the_number_of_threads_changes_nothing() -> None:
    value = draw(3, models=8, images=40, boxes=500, ties=True)
    before = numba.get_num_threads()
    results = []
    for threads in (1, 2, numba.config.NUMBA_NUM_THREADS):
        numba.set_num_threads(threads)
        results.append(fuse_all(value, WbfSettings(weights=(1, 2, 3, 4, 1, 2, 3, 4))))
    numba.set_num_threads(before)
    assert_same(results[0], results[1])
    assert_same(results[0], results[2])


def test_class_weights_multiply_those_of_the_models() -> None:
    value = draw(5, labels=2)
    factors = tuple((first, *(1.0,) * 999, last) for first, last in [(1, 4), (1, 2), (1, 1)])
    fused = fuse_all(value, WbfSettings(weights=(1, 2, 3), class_weights=factors))
    for label, weights in [(0, (1, 2, 3)), (1000, (4, 4, 3))]:
        half = replace(value, **columns_of(value, value.labels == label))
        assert_same(
            replace(fused, **columns_of(fused, fused.labels == label)), fuse_all(half, WbfSettings(weights=weights))
        )


@pytest.mark.parametrize("conf_type", get_args(ConfidenceType))
@pytest.mark.parametrize("overflow", [False, True])
@settings(max_examples=12, deadline=None)
@given(seed=Seeds, weights=st.permutations([0, 0, 1, 2, 3]))
def test_a_model_of_weight_0_is_as_if_it_were_not_there(
    seed: int, weights: list[int], conf_type: ConfidenceType, overflow: bool
) -> None:
    value = draw(seed, models=5, boxes=200)
    kept = [model for model, weight in enumerate(weights) if weight]
    without = concatenate([value.of_model(value.models[model]) for model in kept])
    chosen = WbfSettings(0.5, 0.01, tuple(weights), conf_type, overflow)
    fused = fuse_all(value, chosen)
    assert fused.covered.tolist() == value.covered.tolist()
    assert_same(
        fused.of_images(without.covered),
        fuse_all(without, replace(chosen, weights=tuple(weights[model] for model in kept))),
    )
    assert set(fused.image_ids.tolist()) <= set(without.covered.tolist())
