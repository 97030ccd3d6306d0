import numpy as np
import numpy.typing as npt
import pytest
import torch
from mmdet.models.roi_heads import CascadeRoIHead, StandardRoIHead
from mmdet.structures import DetDataSample
from mmdet.structures.mask import BitmapMasks
from mmengine.structures import InstanceData

from recycle.models.families import build_model
from tests.models.openmmlab.settings import parse


@pytest.mark.parametrize(("cascade", "original"), [(False, StandardRoIHead), (True, CascadeRoIHead)])
def test_boxes_are_those_that_mmdet_predicts_with_masks(
    cascade: bool, original: type[StandardRoIHead], monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    small = {"fpn_channels": 16, "head_channels": 16, "proposals": 10}
    network = build_model(parse("mask_rcnn_swin", cascade=cascade, **small), class_count=2).eval()
    sample = DetDataSample(
        metainfo={
            "img_shape": (64, 64),
            "ori_shape": (32, 32),
            "scale_factor": (2.0, 2.0),
            "batch_input_shape": (64, 64),
        }
    )
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        ours = network.predict(images, [sample.clone()])[0].pred_instances
        monkeypatch.setattr(type(network.roi_head), "predict", original.predict)
        theirs = network.predict(images, [sample.clone()])[0].pred_instances
    assert "masks" not in ours
    assert "masks" in theirs
    assert len(ours) > 0
    torch.testing.assert_close(ours.bboxes, theirs.bboxes, rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(ours.scores, theirs.scores)


def losses_with(mask: npt.NDArray[np.uint8]) -> dict[str, torch.Tensor]:
    """The losses of the same network on the same image, whose one object has this mask."""
    torch.manual_seed(0)
    small = {"fpn_channels": 16, "head_channels": 16, "proposals": 10, "sampled_rois": 16}
    network = build_model(parse("mask_rcnn_swin", **small), class_count=2).train()
    shape = {"img_shape": (64, 64), "ori_shape": (64, 64), "pad_shape": (64, 64), "batch_input_shape": (64, 64)}
    sample = DetDataSample(metainfo=shape)
    sample.gt_instances = InstanceData(
        bboxes=torch.tensor([[8.0, 8, 56, 56]]), labels=torch.tensor([1]), masks=BitmapMasks(mask[None], 64, 64)
    )
    sample.ignored_instances = InstanceData(bboxes=torch.zeros(0, 4), labels=torch.zeros(0).long())
    losses: dict[str, torch.Tensor] = network.loss(torch.ones(1, 3, 64, 64), [sample])
    return {name: torch.stack(list(loss)) if isinstance(loss, list) else loss for name, loss in losses.items()}


def test_the_mask_loss_sees_the_mask_and_the_other_losses_do_not() -> None:
    box = np.zeros((64, 64), dtype=np.uint8)
    box[8:56, 8:56] = 1
    whole, triangle = losses_with(box), losses_with(np.tril(box))
    assert {name for name, loss in whole.items() if not torch.equal(loss, triangle[name])} == {"loss_mask"}
