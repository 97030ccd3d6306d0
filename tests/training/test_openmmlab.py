"""The conformance suite on the families that come from mmdet."""

from types import MappingProxyType

from tests.training.conformance import FamilyTraining

TINY_HEADS = {"fpn_channels": 32, "head_channels": 128, "proposals": 50, "sampled_rois": 32}
CASCADE_RCNN = {"family": "cascade_rcnn", "backbone": "efficientnet_lite0", "image_size": 96, **TINY_HEADS}
DETECTORS = {"family": "detectors", "backbone": "efficientnet_lite0", "image_size": 64, **TINY_HEADS}
MASK_RCNN = {
    "family": "mask_rcnn_swin",
    "backbone": "swin_t",
    "pretrained": "none",
    "image_size": 64,
    **TINY_HEADS,
}
DINO = {
    "family": "dino",
    "backbone": "efficientnet_lite0",
    "image_size": 96,
    "channels": 64,
    "feedforward_channels": 128,
    "encoder_layers": 1,
    "decoder_layers": 2,
    "queries": 30,
    "denoising_queries": 10,
}
ATSS = {"family": "atss", "backbone": "efficientnet_lite0", "image_size": 96, "fpn_channels": 32}


class TestCascadeRCNN(FamilyTraining):
    settings = CASCADE_RCNN
    refused = (({"backbone": "vgg"}, "backbone"), ({"proposals": 5}, "greater than or equal to 10"))


class TestDetectoRS(FamilyTraining):
    settings = DETECTORS
    refused = (({"backbone": "swin_t"}, "backbone"), ({"fpn_channels": 30}, "multiple of 4"))


class TestMaskRCNNSwin(FamilyTraining):
    settings = MASK_RCNN
    overfitting = MappingProxyType({"epochs": 16})
    refused = (({"backbone": "resnet50"}, "backbone"), ({"cascade": 3}, "cascade"))


class TestDINO(FamilyTraining):
    settings = DINO
    refused = (({"feature_levels": 3}, "feature_levels"), ({"channels": 48}, "multiple of 32"))


class TestATSS(FamilyTraining):
    settings = ATSS
    refused = (({"dyhead_blocks": -1}, "dyhead_blocks"), ({"fpn_channels": 40}, "multiple of 32"))
