"""What training costs, in units that compare between models: billions of multiply-adds of a forward pass."""

from collections.abc import Mapping

from recycle.recipe import ATSS, DINO, SMP, YOLO, DetectoRS, EfficientDet, MaskRCNNSwin, Model, OpenMMLab
from recycle.recipe.openmmlab import TwoStage

# Each for one image of 640 px.
YOLO_COST: Mapping[str, Mapping[str, float]] = {
    "yolov5": {"tiny": 4, "n": 4, "s": 12, "m": 32, "l": 68, "x": 123},
    "yolov8": {"n": 4.5, "s": 14, "m": 40, "l": 83, "x": 129},
    "yolov9": {"t": 4.2, "s": 14, "m": 39, "c": 52, "e": 97},
    "yolov10": {"n": 4.2, "s": 12, "m": 32, "b": 49, "l": 63, "x": 85},
    "yolo11": {"n": 3.3, "s": 11, "m": 34, "l": 44, "x": 98},
    "yolo12": {"n": 3.4, "s": 11, "m": 34, "l": 45, "x": 100},
    "yolo26": {"n": 3, "s": 11, "m": 38, "l": 47, "x": 105},
}
EFFICIENTDET_COST: Mapping[str, float] = {
    "lite0": 3.9,
    "d0": 3.9,
    "d1": 6.1,
    "d2": 7.6,
    "d3": 13,
    "d4": 22,
    "d5": 34,
    "d6": 57,
    "d7": 57,
}
BACKBONE_COST: Mapping[str, float] = {
    "efficientnet_lite0": 3.3,
    "resnet50": 34,
    "resnet101": 64,
    "resnext101_32x4d": 65,
    "resnext101_64x4d": 127,
    "swin_t": 37,
    "swin_s": 71,
    "swin_b": 126,
    "swin_l": 282,
}
TIMM_COST = 37
"""Of any backbone of timm: that of the usual ones of small size."""

PYRAMID = 40
"""A feature pyramid and its proposal network, 256 channels from stride 4 on."""
TOWERS = 45
"""A feature pyramid from stride 8 on and the two towers of a dense head, 256 channels."""
DYNAMIC_BLOCK = 15
"""A block of a dynamic head: three convolutions at each level, 256 channels."""
CELLS = {4: 8500, 5: 34100}
"""Of the feature maps that a DINO attends to, by their number."""
ATROUS_FACTOR = 2
"""A switchable atrous convolution is two."""
MASK_OF_A_REGION = 0.46
"""Four convolutions of 256 channels on 14 x 14 cells."""
MASKED_PART = 1 / 4
"""Of the sampled regions those that show an object, at most."""


def relative_cost(settings: Model) -> float:
    """What one training step on one image costs, in units that compare between models."""
    return _cost_of_image(settings) * (settings.image_size / 640) ** 2 + _cost_of_regions(settings)


def _cost_of_image(settings: Model) -> float:
    """What grows with the image, at 640 px."""
    if isinstance(settings, SMP):
        return BACKBONE_COST.get(settings.encoder, TIMM_COST) + PYRAMID
    return _cost_of_detector(settings)


def _cost_of_detector(settings: YOLO | EfficientDet | OpenMMLab) -> float:
    match settings:
        case YOLO():
            return YOLO_COST[settings.family][settings.size]
        case EfficientDet():
            return EFFICIENTDET_COST[settings.size]
        case DINO():
            return _backbone(settings) + _encoder(settings)
        case ATSS():
            head = TOWERS + settings.dyhead_blocks * DYNAMIC_BLOCK
            return _backbone(settings) + head * _width(settings.fpn_channels)
        case TwoStage():
            return _cost_of_pyramid(settings)
    return _backbone(settings) + TOWERS  # another network of mmdet, of which no more is known


def _cost_of_pyramid(settings: TwoStage) -> float:
    pyramid = PYRAMID * _width(settings.fpn_channels)
    if isinstance(settings, DetectoRS):
        return 2 * (ATROUS_FACTOR * _backbone(settings) + pyramid)
    return _backbone(settings) + pyramid


def _cost_of_regions(settings: Model) -> float:
    """What is spent on the proposed regions or queries, however large the image is."""
    if isinstance(settings, DINO):
        layer = 8 * settings.channels**2 + 2 * settings.channels * settings.feedforward_channels
        return settings.decoder_layers * (settings.queries + 2 * settings.denoising_queries) * layer / 1e9
    if not isinstance(settings, TwoStage):
        return 0
    box_head = (49 * settings.fpn_channels + settings.head_channels) * settings.head_channels / 1e9
    cost = settings.box_heads * settings.sampled_rois * box_head
    if isinstance(settings, MaskRCNNSwin):
        cost += settings.sampled_rois * MASKED_PART * MASK_OF_A_REGION * _width(settings.fpn_channels)
    return cost


def _backbone(settings: OpenMMLab) -> float:
    # A backward pass costs two forward passes, and checkpointing one more.
    passes = 4 / 3 if settings.activation_checkpointing else 1
    return BACKBONE_COST.get(settings.backbone, TIMM_COST) * passes


def _encoder(settings: DINO) -> float:
    layer = 5 * settings.channels**2 + 2 * settings.channels * settings.feedforward_channels
    return settings.encoder_layers * CELLS[settings.feature_levels] * layer / 1e9


def _width(channels: int) -> float:
    """The cost of a convolution with so many channels by that of one with 256."""
    return (channels / 256) ** 2
