from typing import Any

import pytest

from recycle.models.openmmlab.configuration import openmmlab
from recycle.models.openmmlab.two_stage import cascade_rcnn
from recycle.recipe import CascadeRCNN
from tests.models.openmmlab.settings import empty_network, parse

SMALL = {"fpn_channels": 32, "head_channels": 48, "proposals": 20, "sampled_rois": 16}


def heads(config: Any) -> list[Any]:
    """The box heads of a configuration."""
    found = config.roi_head.bbox_head
    return found if isinstance(found, list) else [found]


def test_full_size_heads_are_mmdets_with_our_classes() -> None:
    settings = parse("cascade_rcnn")
    assert isinstance(settings, CascadeRCNN)
    config = cascade_rcnn(settings, class_count=7)
    assert [head.num_classes for head in heads(config)] == [7, 7, 7]
    assert config.train_cfg.rpn_proposal.max_per_img == 2000
    assert config.test_cfg.rpn.max_per_img == 1000
    assert [stage.sampler.num for stage in config.train_cfg.rcnn] == [512, 512, 512]


@pytest.mark.parametrize(
    ("family", "changes", "count"),
    [
        ("cascade_rcnn", {}, 3),
        ("detectors", {}, 3),
        ("mask_rcnn_swin", {}, 1),
        ("mask_rcnn_swin", {"cascade": True}, 3),
    ],
)
def test_small_settings_reach_every_part(family: str, changes: dict[str, Any], count: int) -> None:
    settings = parse(family, **SMALL, **changes)
    config = openmmlab(settings, class_count=3)
    assert settings.box_heads == count
    assert config.neck.out_channels == config.rpn_head.in_channels == config.rpn_head.feat_channels == 32
    assert [(head.in_channels, head.fc_out_channels, head.num_classes) for head in heads(config)] == [
        (32, 48, 3)
    ] * count
    assert config.test_cfg.rpn.max_per_img == 20
    assert config.train_cfg.rpn.sampler.num == 32
    stages = config.train_cfg.rcnn if count == 3 else [config.train_cfg.rcnn]
    assert {stage.sampler.num for stage in stages} == {16}


def test_mask_heads_are_small_too_and_know_the_classes() -> None:
    mask_head = openmmlab(parse("mask_rcnn_swin", **SMALL), class_count=3).roi_head.mask_head
    assert (mask_head.in_channels, mask_head.conv_out_channels, mask_head.num_classes) == (32, 32, 3)


def test_without_pretrained_weights_nothing_is_frozen() -> None:
    for family in ("cascade_rcnn", "detectors"):
        for backbone in ("resnet50", "efficientnet_lite0"):
            network = empty_network(family, backbone=backbone, **SMALL).train()
            assert all(parameter.requires_grad for parameter in network.parameters())
            assert all(module.training for module in network.modules())


def test_detectors_sees_the_image_twice_through_switchable_convolutions() -> None:
    config = openmmlab(parse("detectors", backbone="resnext101_32x4d", **SMALL), class_count=3)
    second = config.neck.rfp_backbone
    for backbone in (config.backbone, second):
        assert (backbone.type, backbone.depth, backbone.groups) == ("DetectoRS_ResNeXt", 101, 32)
        assert backbone.sac.type == "SAC"
        assert backbone.stage_with_sac == (False, True, True, True)
        assert backbone.conv_cfg.type == "ConvAWS"
    assert config.backbone.output_img
    assert "output_img" not in second
    assert second.rfp_inplanes == 32
    assert "rfp_inplanes" not in config.backbone
