"""In every family nothing is taught inside ignored regions, and everything outside of them as before."""

from typing import Any

import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from torch import Tensor

from recycle.models.families import build_model
from recycle.models.ignored_regions import are_ignored, are_inside, grid_points
from recycle.recipe import Recipe
from tests.recipes import example_content

COMMON = {"name": "tiny", "image_size": 128, "epochs": 1, "batch_size": 2, "pretrained": "none"}
LITE = {"backbone": "efficientnet_lite0"}
TWO_STAGE = {**LITE, "fpn_channels": 16, "head_channels": 32, "proposals": 30, "sampled_rois": 16}
FAMILIES: dict[str, dict[str, Any]] = {
    "cascade_rcnn": {"family": "cascade_rcnn", **TWO_STAGE},
    "atss": {"family": "atss", **LITE, "fpn_channels": 32},
    "dino": {
        "family": "dino",
        **LITE,
        "channels": 32,
        "queries": 20,
        "denoising_queries": 4,
        "encoder_layers": 1,
        "decoder_layers": 2,
        "feedforward_channels": 32,
    },
    "efficientdet": {"family": "efficientdet", "size": "lite0"},
    "yolov5": {"family": "yolov5", "size": "tiny"},
    "yolov10": {"family": "yolov10", "size": "n"},
}
WHOLE = [[-300.0, -300.0, 428.0, 428.0]]


@pytest.mark.parametrize(
    ("boxes", "regions", "expected"),
    [
        ([[0, 0, 10, 10]], [], [False]),
        ([[0, 0, 10, 10], [20, 20, 30, 30]], [[0, 0, 10, 6]], [True, False]),
        ([[0, 0, 10, 10]], [[0, 0, 10, 5]], [False]),
        ([[0, 0, 10, 10]], [[0, 0, 10, 3], [0, 3, 10, 6]], [False]),
        ([[5, 5, 5, 5]], [[0, 0, 10, 10]], [False]),
    ],
)
def test_a_box_is_ignored_if_more_than_half_of_it_lies_in_one_region(
    boxes: list[list[float]], regions: list[list[float]], expected: list[bool]
) -> None:
    ignored = are_ignored(torch.tensor(boxes, dtype=torch.float32), torch.tensor(regions).reshape(-1, 4))
    assert ignored.tolist() == expected


def test_grid_points_are_those_of_ultralytics() -> None:
    from ultralytics.utils.tal import make_anchors

    features = [torch.zeros(1, 1, 64 // stride, 96 // stride) for stride in (8, 16, 32)]
    points, strides = make_anchors(features, torch.tensor([8.0, 16.0, 32.0]), 0.5)
    assert torch.equal(grid_points(64, 96, (8, 16, 32), torch.device("cpu")), points * strides)
    assert are_inside(torch.tensor([[4.0, 4.0], [9.0, 4.0]]), torch.tensor([[0.0, 0, 8, 8]])).tolist() == [True, False]


def sample_of(objects: list[list[float]], regions: list[list[float]]) -> DetDataSample:
    meta = {"img_shape": (128, 128), "ori_shape": (128, 128), "batch_input_shape": (128, 128), "pad_shape": (128, 128)}
    sample = DetDataSample(metainfo={**meta, "scale_factor": (1.0, 1.0)})
    labels = torch.zeros(len(objects), dtype=torch.int64)
    sample.gt_instances = InstanceData(bboxes=torch.tensor(objects).reshape(-1, 4), labels=labels)
    found = torch.tensor(regions).reshape(-1, 4)
    sample.ignored_instances = InstanceData(bboxes=found, labels=torch.zeros(len(found), dtype=torch.int64))
    return sample


def losses_of(family: str, samples: list[DetDataSample]) -> dict[str, Tensor]:
    model = Recipe.model_validate({**example_content(), "models": [{**COMMON, **FAMILIES[family]}]}).models[0]
    torch.manual_seed(0)
    network = build_model(model, 3)
    network.train()
    images = [torch.randint(0, 255, (3, 128, 128), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)] * 2
    batch = network.data_preprocessor({"inputs": images, "data_samples": samples}, True)
    torch.manual_seed(2)
    losses: dict[str, Tensor] = network(**batch, mode="loss")
    return losses


def classification(losses: dict[str, Tensor]) -> float:
    """The sum of all parts that teach whether something is there."""
    named = {name: value for name, value in losses.items() if "cls" in name and "dn_" not in name}
    parts = [part for value in named.values() for part in (value if isinstance(value, list) else [value])]
    return sum(float(part.detach()) for part in parts)


@pytest.mark.training
@pytest.mark.parametrize("family", FAMILIES)
def test_background_in_ignored_regions_is_not_learned(family: str) -> None:
    nothing = classification(losses_of(family, [sample_of([], []), sample_of([], [])]))
    ignored = classification(losses_of(family, [sample_of([], WHOLE), sample_of([], WHOLE)]))
    half = classification(losses_of(family, [sample_of([], WHOLE), sample_of([], [])]))
    assert nothing > 0
    assert ignored < 0.01 * nothing
    assert ignored < half


@pytest.mark.training
@pytest.mark.parametrize("family", FAMILIES)
def test_objects_beside_ignored_regions_are_learned_as_before(family: str) -> None:
    objects = [[10.0, 10.0, 60.0, 70.0]]
    far = [[126.0, 126.0, 126.5, 126.5]]
    with_region = losses_of(family, [sample_of(objects, far)] * 2)
    without = losses_of(family, [sample_of(objects, [])] * 2)
    assert classification(with_region) == pytest.approx(classification(without), rel=1e-5)
