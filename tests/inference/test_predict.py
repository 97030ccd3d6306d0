from pathlib import Path

import numpy as np
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData

from recycle.data.coco import Category, Dataset, Image
from recycle.inference.predict import to_predictions

DATASET = Dataset(
    Path("images"),
    (Category(0, "Paper"), Category(1, "Glass")),
    (Image(5, "a.jpg", 100, 50), Image(7, "b.jpg", 40, 80)),
    (),
)


def sample(image_id: int, boxes: list[list[float]], scores: list[float], labels: list[int]) -> DetDataSample:
    instances = InstanceData(
        bboxes=torch.tensor(boxes).reshape(-1, 4), scores=torch.tensor(scores), labels=torch.tensor(labels).long()
    )
    return DetDataSample(metainfo={"img_id": image_id}, pred_instances=instances)


def test_boxes_are_clipped_to_their_own_image() -> None:
    samples = [
        sample(7, [[-5, 10, 90, 90]], [0.5], [1]),
        sample(5, [[-5, 10, 90, 90], [1, 2, 3, 4]], [0.25, 0.75], [0, 1]),
    ]
    predictions = to_predictions(samples, DATASET, "m")
    assert predictions.image_ids.tolist() == [7, 5, 5]
    assert predictions.boxes.tolist() == [[0, 10, 40, 80], [0, 10, 90, 50], [1, 2, 3, 4]]
    assert predictions.labels.tolist() == [1, 0, 1]
    assert predictions.scores.tolist() == [0.5, 0.25, 0.75]
    assert predictions.coverage[0].tolist() == [5, 7]


def test_boxes_without_area_after_clipping_are_dropped() -> None:
    outside, line, good = [200.0, 10, 300, 20], [10.0, 10, 10, 20], [10.0, 10, 11, 11]
    predictions = to_predictions([sample(5, [outside, line, good], [0.9, 0.8, 0.7], [0, 0, 1])], DATASET, "m")
    assert predictions.boxes.tolist() == [good]
    assert predictions.scores.tolist() == np.array([0.7], np.float32).tolist()


def test_images_without_boxes_are_covered() -> None:
    predictions = to_predictions([sample(5, [], [], []), sample(7, [], [], [])], DATASET, "m")
    assert len(predictions) == 0
    assert predictions.coverage[0].tolist() == [5, 7]


def test_no_images_give_no_predictions() -> None:
    assert len(to_predictions([], DATASET, "m")) == 0
