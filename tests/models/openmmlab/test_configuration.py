"""Full-size networks are those of mmdet: its checkpoints fit them."""

from typing import Any

import pytest
from mmdet.registry import MODELS

from recycle.models.openmmlab.shipped import shipped
from tests.models.openmmlab.settings import empty_network, shapes, weightless

SWIN_L = {"backbone": "swin_l"}


@pytest.mark.parametrize(
    ("family", "changes", "config"),
    [
        ("cascade_rcnn", {}, "cascade_rcnn/cascade-rcnn_r50_fpn_1x_coco.py"),
        ("cascade_rcnn", {"backbone": "resnet101"}, "cascade_rcnn/cascade-rcnn_r101_fpn_1x_coco.py"),
        ("cascade_rcnn", {"backbone": "resnext101_32x4d"}, "cascade_rcnn/cascade-rcnn_x101-32x4d_fpn_1x_coco.py"),
        ("cascade_rcnn", {"backbone": "resnext101_64x4d"}, "cascade_rcnn/cascade-rcnn_x101-64x4d_fpn_1x_coco.py"),
        ("detectors", {}, "detectors/detectors_cascade-rcnn_r50_1x_coco.py"),
        ("mask_rcnn_swin", {}, "swin/mask-rcnn_swin-t-p4-w7_fpn_1x_coco.py"),
        ("mask_rcnn_swin", {"backbone": "swin_s"}, "swin/mask-rcnn_swin-s-p4-w7_fpn_amp-ms-crop-3x_coco.py"),
        ("dino", {}, "dino/dino-4scale_r50_8xb2-12e_coco.py"),
        ("dino", {**SWIN_L, "feature_levels": 5}, "dino/dino-5scale_swin-l_8xb2-12e_coco.py"),
        ("atss", {}, "atss/atss_r50_fpn_1x_coco.py"),
        ("atss", {**SWIN_L, "dyhead_blocks": 6}, "dyhead/atss_swin-l-p4-w12_fpn_dyhead_ms-2x_coco.py"),
    ],
)
def test_tensors_are_those_of_mmdets_own_configuration(family: str, changes: dict[str, Any], config: str) -> None:
    ours = shapes(empty_network(family, **changes))
    with weightless():
        theirs = shapes(MODELS.build(shipped(config)))
    assert ours == theirs


@pytest.mark.parametrize(
    ("family", "changes", "millions"),
    [
        ("cascade_rcnn", {}, 69.4),
        ("cascade_rcnn", {"backbone": "resnext101_64x4d"}, 127.3),
        ("mask_rcnn_swin", {}, 47.8),  # 48 M: Liu et al., 2021
        ("mask_rcnn_swin", {"backbone": "swin_s"}, 69.1),  # 69 M: the same
        ("dino", {}, 47.8),  # 47 M: Zhang et al., 2023
        ("dino", {**SWIN_L, "feature_levels": 5}, 218.5),  # 218 M: the same
        ("atss", {}, 32.3),
    ],
)
def test_sizes_are_the_published_ones(family: str, changes: dict[str, Any], millions: float) -> None:
    network = empty_network(family, **changes)
    assert sum(parameter.numel() for parameter in network.parameters()) / 1e6 == pytest.approx(millions, abs=0.05)


@pytest.mark.parametrize(
    ("family", "changes"),
    [
        *[("cascade_rcnn", {"backbone": backbone}) for backbone in ("swin_t", "swin_s", "swin_b", "swin_l")],
        ("detectors", {"backbone": "resnext101_32x4d"}),
        ("detectors", {"backbone": "resnext101_64x4d"}),
        *[("mask_rcnn_swin", {"backbone": backbone, "cascade": True}) for backbone in ("swin_b", "swin_l")],
        *[(family, {"backbone": "swin_b"}) for family in ("dino", "atss")],
        *[
            (family, {"backbone": backbone})
            for family in ("cascade_rcnn", "detectors", "mask_rcnn_swin", "dino", "atss")
            for backbone in ("efficientnet_lite0", "timm/convnext_atto", "timm/swin_tiny_patch4_window7_224")
        ],
    ],
)
def test_what_mmdet_does_not_ship_is_built(family: str, changes: dict[str, Any]) -> None:
    network = empty_network(family, class_count=10, **changes)
    assert sum(parameter.numel() for parameter in network.backbone.parameters()) > 2e6
