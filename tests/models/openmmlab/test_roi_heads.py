import pytest
import torch
from mmdet.models.roi_heads import CascadeRoIHead, StandardRoIHead
from mmdet.structures import DetDataSample

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
