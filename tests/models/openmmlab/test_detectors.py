"""DetectoRS on a ResNet is too slow for the conformance suite on the CPU: what is its own is tested here."""

import pytest
import torch
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import HorizontalBoxes
from mmengine.model import BaseModel
from mmengine.structures import InstanceData

from recycle.models.families import build_model
from recycle.models.openmmlab.preprocessor import SHORTEST_SIDE
from tests.models.openmmlab.settings import parse

SMALL = {"fpn_channels": 16, "head_channels": 32, "proposals": 20, "sampled_rois": 16}


@pytest.fixture(scope="module")
def network() -> BaseModel:
    """A DetectoRS on a ResNet-50 with random weights."""
    torch.set_num_threads(1)  # threads that wait for each other make these convolutions many times slower
    torch.manual_seed(1)
    return build_model(parse("detectors", **SMALL), class_count=2)


def batch(width: int, height: int) -> dict[str, object]:
    """One image with one object of class 1."""
    image = torch.full((3, height, width), 90, dtype=torch.uint8)
    image[:, 8:40, 10:50] = 220
    shape = {"img_shape": (height, width), "ori_shape": (height, width), "scale_factor": (1.0, 1.0)}
    sample = DetDataSample(metainfo=shape)
    sample.gt_instances = InstanceData(
        bboxes=HorizontalBoxes(torch.tensor([[10.0, 8, 50, 40]])), labels=torch.tensor([1])
    )
    sample.ignored_instances = InstanceData(bboxes=HorizontalBoxes(torch.zeros(0, 4)), labels=torch.zeros(0).long())
    return {"inputs": [image], "data_samples": [sample]}


@pytest.mark.parametrize(("width", "height"), [(64, 48), (200, 30)])
def test_small_and_narrow_images_have_room(network: BaseModel, width: int, height: int) -> None:
    prepared = network.data_preprocessor(batch(width, height), True)
    assert min(prepared["inputs"].shape[-2:]) == SHORTEST_SIDE
    assert prepared["data_samples"][0].batch_input_shape == tuple(prepared["inputs"].shape[-2:])
    network.eval()
    with torch.no_grad():
        boxes = network.test_step(batch(width, height))[0].pred_instances.bboxes
    assert (boxes[:, 2] <= width).all()
    assert (boxes[:, 3] <= height).all()


@pytest.mark.training
def test_every_part_is_trained(network: BaseModel) -> None:
    """What feeds back begins at zero: gradients reach beyond it from the second step on."""
    network.train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    losses = []
    for step in range(3):
        torch.manual_seed(step)
        optimizer.zero_grad()
        loss, _ = network.parse_losses(network(**network.data_preprocessor(batch(64, 64), True), mode="loss"))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 10)
        optimizer.step()
        losses.append(float(loss.detach()))
    untrained = {name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()}
    assert not {name for name in untrained if ".switch." in name or ("rfp" in name and "layer4" in name)}
    assert losses[-1] < losses[0], losses
