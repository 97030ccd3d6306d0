"""The objective of searches against `ensemble_boxes` and pycocotools, which share no code with it."""

from typing import get_args

import numpy as np
import pytest
from ensemble_boxes import weighted_boxes_fusion

from recycle.data.coco import Dataset
from recycle.evaluation.detection import evaluate
from recycle.fusion.objective import FusionObjective
from recycle.fusion.wbf import ConfidenceType, WbfSettings
from recycle.predictions.values import Predictions, concatenate
from tests.evaluation.scenes import HEIGHT, WIDTH, random_predictions, random_truth

SCALE = np.array([WIDTH, HEIGHT, WIDTH, HEIGHT])


def slow_map50(value: Predictions, truth: Dataset, settings: WbfSettings) -> float | None:
    parts = []
    for image in value.covered.tolist():
        rows = [(value.image_ids == image) & (value.model_ids == model) for model in range(len(value.models))]
        boxes, scores, labels = weighted_boxes_fusion(
            [value.boxes[row] / SCALE for row in rows],
            [value.scores[row] for row in rows],
            [value.labels[row] for row in rows],
            weights=settings.weights,
            iou_thr=settings.iou_thr,
            skip_box_thr=settings.skip_box_thr,
            conf_type=settings.conf_type,
        )
        parts.append(
            Predictions(
                image_ids=np.full(len(boxes), image),
                model_ids=np.zeros(len(boxes), np.int32),
                boxes=(boxes * SCALE).astype(np.float32),
                scores=np.minimum(scores, 1).astype(np.float32),
                labels=labels.astype(np.int32),
                models=("fused",),
                coverage=(np.array([image]),),
            )
        )
    return evaluate(truth, concatenate(parts)).map50


@pytest.mark.parametrize("conf_type", get_args(ConfidenceType))
@pytest.mark.parametrize(("iou_thr", "skip_box_thr"), [(0.55, 0.001), (0.4, 0.1)])
def test_equal_to_ensemble_boxes_and_pycocotools(
    conf_type: ConfidenceType, iou_thr: float, skip_box_thr: float
) -> None:
    rng = np.random.default_rng(int(iou_thr * 100))
    truth = random_truth(rng)
    value = concatenate([random_predictions(rng, truth, name=f"model {number}") for number in range(4)])
    objective = FusionObjective(value, truth)
    for weights in [(1.0, 1.0, 1.0, 1.0), (0.5, 2.0, 1.0, 1.5)]:
        settings = WbfSettings(iou_thr, skip_box_thr, weights, conf_type)
        assert objective(settings) == pytest.approx(slow_map50(value, truth, settings), abs=1e-6)
