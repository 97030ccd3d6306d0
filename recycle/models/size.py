"""How large models and their checkpoints are, estimated without building them."""

from collections.abc import Mapping

from recycle.recipe import ATSS, DINO, SMP, YOLO, DetectoRS, EfficientDet, MaskRCNNSwin, Model, OpenMMLab
from recycle.recipe.openmmlab import TwoStage

# Millions of parameters.
YOLO_SIZE: Mapping[str, float] = {
    "tiny": 2,
    "n": 3,
    "t": 3,
    "s": 10,
    "m": 26,
    "b": 26,
    "c": 26,
    "l": 54,
    "e": 58,
    "x": 98,
}
EFFICIENTDET_SIZE: Mapping[str, float] = {
    "lite0": 3.3,
    "d0": 3.9,
    "d1": 6.6,
    "d2": 8.1,
    "d3": 12,
    "d4": 21,
    "d5": 34,
    "d6": 52,
    "d7": 52,
}
BACKBONE_SIZE: Mapping[str, float] = {
    "efficientnet_lite0": 3.4,
    "resnet50": 24,
    "resnet101": 43,
    "resnext101_32x4d": 43,
    "resnext101_64x4d": 82,
    "swin_t": 28,
    "swin_s": 50,
    "swin_b": 88,
    "swin_l": 197,
}
TIMM_SIZE = 30
"""Of any backbone of timm: that of the usual ones of small size."""
PYRAMID = 4
"""A feature pyramid and its proposal network, 256 channels."""
TOWERS = 9
"""Of dense heads, with their pyramid."""
MASK_HEAD = 2.6
DINO_LAYER = 1.3
"""With 256 channels and 1024 between."""
PIXEL_DECODER = 4
"""Of networks that label pixels; those of smp have one to nine."""

MILLION = 1e6
BYTES = 4
GIB = 2**30


def parameters(settings: Model) -> float:
    """About how many parameters a model has."""
    return _millions(settings) * MILLION


def checkpoints_gib(settings: Model, count: int) -> float:
    """About how much disk the checkpoints of one member take, in GiB.

    Args:
        settings: Its model.
        count: How many it keeps: one holds weights alone, the others all that resuming needs.
    """
    copies = max(_copies(phase) for phase in settings.in_phases())
    with_state = count if count < 2 else count - 1
    alone = 0 if count < 2 else 1
    return parameters(settings) * BYTES * (with_state * copies + alone) / GIB


def predictions_gib(settings: Model, images: int, labels: int) -> float:
    """About how much disk a member's predictions take, in GiB: boxes next to nothing, pixels a byte for each label."""
    return images * labels * settings.label_map_size**2 / GIB if isinstance(settings, SMP) else 0.0


def _copies(phase: Model) -> int:
    """Numbers that a resumable checkpoint holds for each parameter."""
    optimizer = phase.optimizer
    states = 1 if optimizer.type == "sgd" else 2
    return 1 + states + optimizer.lookahead + (phase.averaging is not None)


def _millions(settings: Model) -> float:
    match settings:
        case YOLO() | EfficientDet():
            sizes = YOLO_SIZE if isinstance(settings, YOLO) else EFFICIENTDET_SIZE
            return sizes[settings.size]
        case DINO():
            layers = settings.encoder_layers + settings.decoder_layers
            return _backbone(settings) + layers * DINO_LAYER * (settings.channels / 256) ** 2
        case ATSS():
            return _backbone(settings) + TOWERS * (settings.fpn_channels / 256) ** 2
        case TwoStage():
            copies = 4 if isinstance(settings, DetectoRS) else 1
            return copies * _backbone(settings) + _heads(settings)
        case SMP():
            return BACKBONE_SIZE.get(settings.encoder, TIMM_SIZE) + PIXEL_DECODER
    return _backbone(settings) + TOWERS  # another network of mmdet, of which no more is known


def _heads(settings: TwoStage) -> float:
    hidden = settings.head_channels
    box_head = (49 * settings.fpn_channels + hidden) * hidden / MILLION
    mask_heads = settings.box_heads * MASK_HEAD if isinstance(settings, MaskRCNNSwin) else 0
    width = (settings.fpn_channels / 256) ** 2
    return settings.box_heads * box_head + (mask_heads + PYRAMID) * width


def _backbone(settings: OpenMMLab) -> float:
    return BACKBONE_SIZE.get(settings.backbone, TIMM_SIZE)
