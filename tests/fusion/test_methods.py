from typing import Any, get_args

import numpy as np
import pytest
from ensemble_boxes import nms, non_maximum_weighted, soft_nms

from recycle.errors import DataError, RecipeError
from recycle.fusion.methods import FusionSettings, Method, fuse_by
from recycle.fusion.wbf import WbfSettings, fuse
from recycle.predictions.values import Predictions, concatenate
from tests.evaluation.scenes import HEIGHT, WIDTH, found, random_predictions, random_truth
from tests.predictions.strategies import assert_same

SIZES = dict.fromkeys(range(30), (WIDTH, HEIGHT))
SCALE = np.array([WIDTH, HEIGHT, WIDTH, HEIGHT])
THEIRS = {"nms": nms, "soft_nms": soft_nms, "nmw": non_maximum_weighted}


def two_models() -> Predictions:
    rng = np.random.default_rng(0)
    truth = random_truth(rng)
    first, second = (random_predictions(rng, truth, name=name) for name in ("first", "second"))
    return concatenate([first, second.of_images(range(3, 30))])


@pytest.mark.parametrize("method", ["nms", "soft_nms", "nmw"])
@pytest.mark.parametrize("weights", [(), (1.0, 3.0)])
def test_equal_to_ensemble_boxes(method: Method, weights: tuple[float, ...]) -> None:
    value = two_models()
    fused = fuse_by(value, SIZES, FusionSettings(0.4, 0.05, weights, method=method), "fused")
    assert fused.covered.tolist() == value.covered.tolist()
    kept = value.scores >= np.float32(0.05)
    for image in np.unique(value.image_ids).tolist():
        covering = [model for model in (0, 1) if image in value.coverage[model]]
        rows = [kept & (value.image_ids == image) & (value.model_ids == model) for model in covering]
        # Weights make its scores as many times smaller as there are models.
        thresh = 0.05 / (len(covering) if weights else 1)
        options: dict[str, Any] = {"thresh": thresh} if method == "soft_nms" else {}
        boxes, scores, labels = THEIRS[method](
            [value.boxes[row] / SCALE for row in rows],
            [value.scores[row] for row in rows],
            [value.labels[row] for row in rows],
            iou_thr=0.4,
            weights=[weights[model] for model in covering] if weights else None,
            **options,
        )
        order = np.argsort(-scores)
        mine = fused.of_images([image])
        np.testing.assert_allclose(mine.boxes, boxes[order] * SCALE, atol=1e-4)
        np.testing.assert_allclose(mine.scores, scores[order], atol=1e-6)
        np.testing.assert_array_equal(mine.labels, labels[order])


@pytest.mark.parametrize("method", ["nms", "soft_nms"])
def test_weights_that_are_nearly_equal_drop_no_more_boxes_than_none(method: Method) -> None:
    value = concatenate([two_models().of_model("first").renamed(f"model {number}") for number in range(26)])
    nearly = tuple(1 + number / 1e6 for number in range(26))
    plain, weighted = (
        fuse_by(value, SIZES, FusionSettings(0.4, 0.05, weights, method=method), "fused") for weights in ((), nearly)
    )
    assert len(weighted) == len(plain) > 0


@pytest.mark.parametrize("method", get_args(Method))
@pytest.mark.parametrize("weights", [(0, 1), (2, 0)])
def test_a_model_of_weight_0_is_left_out(method: Method, weights: tuple[float, ...]) -> None:
    value = two_models()
    alone = value.of_model(value.models[weights.index(max(weights))])
    fused = fuse_by(value, SIZES, FusionSettings(0.4, 0.05, weights, method=method), "fused")
    assert fused.covered.tolist() == value.covered.tolist()
    assert_same(
        fused.of_images(alone.covered), fuse_by(alone, SIZES, FusionSettings(0.4, 0.05, method=method), "fused")
    )
    assert set(fused.image_ids.tolist()) <= set(alone.covered.tolist())


def test_wbf_is_the_kernel() -> None:
    value = two_models()
    assert_same(fuse_by(value, SIZES, FusionSettings(), "fused"), fuse(value, SIZES, WbfSettings(), "fused"))


@pytest.mark.parametrize("method", ["nms", "soft_nms", "nmw"])
def test_no_boxes(method: Method) -> None:
    fused = fuse_by(found([]), SIZES, FusionSettings(method=method), "fused")
    assert len(fused) == 0
    assert fused.coverage[0].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "mean"}, "method must be one of wbf, nms, .* but got method='mean'"),
        ({"sigma": 0.0}, "sigma must be above 0, but got sigma=0.0"),
        ({"method": "nms", "conf_type": "max"}, "conf_type needs method='wbf', but got conf_type='max'"),
        ({"iou_thr": 2.0}, "iou_thr must be between 0 and 1"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        FusionSettings(**settings)


def test_what_cannot_be_fused_is_refused() -> None:
    with pytest.raises(DataError, match="at least one model"):
        fuse_by(Predictions.empty([], []), SIZES, FusionSettings(method="nms"), "fused")
    with pytest.raises(RecipeError, match="one for each of 1 models"):
        fuse_by(found([]), SIZES, FusionSettings(method="nms", weights=(1, 2)), "fused")
