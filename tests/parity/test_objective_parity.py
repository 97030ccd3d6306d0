"""The objective of searches against `ensemble_boxes` and pycocotools, which share no code with it."""

from typing import get_args

import numpy as np
import pytest
from ensemble_boxes import weighted_boxes_fusion

from recycle.data.coco import Dataset
from recycle.evaluation.detection import DetectionScores, evaluate
from recycle.fusion.methods import FusionSettings
from recycle.fusion.objective import FusionObjective
from recycle.fusion.settings import EnsembleSettings
from recycle.fusion.wbf import ConfidenceType, WbfSettings
from recycle.predictions.values import Predictions, concatenate
from recycle.recipe.fusion import Metric
from tests.evaluation.scenes import HEIGHT, WIDTH, random_predictions, random_truth
from tests.fusion.scenes import alternating_folds

SCALE = np.array([WIDTH, HEIGHT, WIDTH, HEIGHT])


def slow_scores(value: Predictions, truth: Dataset, settings: WbfSettings) -> DetectionScores:
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
    return evaluate(truth, concatenate(parts))


@pytest.mark.parametrize("conf_type", get_args(ConfidenceType))
@pytest.mark.parametrize(("iou_thr", "skip_box_thr"), [(0.55, 0.001), (0.4, 0.1)])
def test_equal_to_ensemble_boxes_and_pycocotools(
    conf_type: ConfidenceType, iou_thr: float, skip_box_thr: float
) -> None:
    rng = np.random.default_rng(int(iou_thr * 100))
    truth = random_truth(rng)
    value = concatenate([random_predictions(rng, truth, name=f"model {number}") for number in range(4)])
    for weights in [(1.0, 1.0, 1.0, 1.0), (0.5, 2.0, 1.0, 1.5)]:
        settings = FusionSettings(iou_thr, skip_box_thr, weights, conf_type)
        slow = slow_scores(value, truth, settings)
        for metric in get_args(Metric):
            objective = FusionObjective(value, truth, alternating_folds(truth), metric)
            assert objective(EnsembleSettings(settings)) == pytest.approx(getattr(slow, metric), abs=1e-6)
