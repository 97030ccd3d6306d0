from typing import Any

import pytest

from recycle.models.cost import relative_cost
from recycle.models.families import build_model
from recycle.models.openmmlab import CASCADE_CONFIGS, cascade_rcnn
from recycle.recipe import CascadeRCNN


def settings(**changes: Any) -> CascadeRCNN:
    defaults = {"name": "m", "family": "cascade_rcnn", "image_size": 64, "epochs": 1, "batch_size": 1}
    return CascadeRCNN.model_validate({**defaults, "pretrained": "none", **changes})


@pytest.mark.parametrize("backbone", CASCADE_CONFIGS)
def test_full_size_networks_are_mmdets_with_our_classes(backbone: str) -> None:
    config = cascade_rcnn(settings(backbone=backbone), class_count=7)
    assert config.backbone.depth == (50 if backbone == "resnet50" else 101)
    assert config.neck.out_channels == 256
    assert [head.num_classes for head in config.roi_head.bbox_head] == [7, 7, 7]
    assert config.train_cfg.rpn_proposal.max_per_img == 2000
    assert config.test_cfg.rpn.max_per_img == 1000
    assert [stage.sampler.num for stage in config.train_cfg.rcnn] == [512, 512, 512]


def test_without_pretrained_weights_nothing_is_frozen() -> None:
    config = cascade_rcnn(settings(backbone="resnet50"), class_count=2)
    assert config.backbone.frozen_stages == -1
    assert not config.backbone.norm_eval
    tiny = cascade_rcnn(settings(backbone="efficientnet_lite0"), class_count=2)
    assert tiny.backbone.frozen_levels == 0
    assert not tiny.backbone.norm_eval


def test_small_settings_reach_every_part() -> None:
    small = settings(fpn_channels=32, head_channels=48, proposals=20, sampled_rois=16)
    config = cascade_rcnn(small, class_count=3)
    assert config.neck.out_channels == config.rpn_head.in_channels == config.rpn_head.feat_channels == 32
    assert {(head.in_channels, head.fc_out_channels) for head in config.roi_head.bbox_head} == {(32, 48)}
    assert config.test_cfg.rpn.max_per_img == 20
    assert config.train_cfg.rpn.sampler.num == 32
    assert {stage.sampler.num for stage in config.train_cfg.rcnn} == {16}


def test_pretrained_backbone_is_loaded_and_its_shallow_levels_are_frozen() -> None:
    model = build_model(settings(backbone="efficientnet_lite0", pretrained="imagenet", fpn_channels=16), class_count=2)
    trained = {name for name, parameter in model.backbone.named_parameters() if parameter.requires_grad}
    frozen = {name for name, parameter in model.backbone.named_parameters() if not parameter.requires_grad}
    assert trained
    assert frozen
    other = build_model(settings(backbone="efficientnet_lite0", pretrained="imagenet", fpn_channels=16), class_count=2)
    theirs = other.backbone.state_dict()
    assert all((tensor == theirs[name]).all() for name, tensor in model.backbone.state_dict().items())


@pytest.mark.parametrize(("small", "large"), [("efficientnet_lite0", "resnet50"), ("resnet50", "resnext101_64x4d")])
def test_cost_grows_with_the_backbone_and_the_image(small: str, large: str) -> None:
    assert relative_cost(settings(backbone=small)) < relative_cost(settings(backbone=large))
    assert relative_cost(settings(backbone=small, image_size=128)) == 4 * relative_cost(settings(backbone=small))
