"""The backbone of a detector of mmdet: one of mmdet's, or any of timm's."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.config import ConfigDict

from recycle.models.backbones import PACKAGED_BACKBONE, feature_channels, levels_of_strides, pixel_mean_std
from recycle.models.checkpoints import is_detector
from recycle.models.openmmlab.shipped import shipped
from recycle.models.prerequisites import is_path
from recycle.models.weights import find_weights
from recycle.recipe import ModelSettings
from recycle.recipe.openmmlab import TIMM_PREFIX, OpenMMLab

PYRAMID_STRIDES = (4, 8, 16, 32)
RESNET_CHANNELS = (256, 512, 1024, 2048)
RESNETS = {
    "resnet50": "cascade_rcnn/cascade-rcnn_r50_fpn_1x_coco.py",
    "resnet101": "cascade_rcnn/cascade-rcnn_r101_fpn_1x_coco.py",
    "resnext101_32x4d": "cascade_rcnn/cascade-rcnn_x101-32x4d_fpn_1x_coco.py",
    "resnext101_64x4d": "cascade_rcnn/cascade-rcnn_x101-64x4d_fpn_1x_coco.py",
}
SWINS = {
    "swin_t": "swin/mask-rcnn_swin-t-p4-w7_fpn_1x_coco.py",
    "swin_s": "swin/mask-rcnn_swin-s-p4-w7_fpn_amp-ms-crop-3x_coco.py",
    "swin_b": "mask2former/mask2former_swin-b-p4-w12-384-in21k_8xb2-lsj-50e_coco-panoptic.py",
    "swin_l": "dino/dino-5scale_swin-l_8xb2-12e_coco.py",
}
FROZEN_LEVELS = 2
"""The shallowest levels of a pretrained backbone, strides 2 and 4, hold little that a new data set changes."""


def set_backbone(config: ConfigDict, settings: OpenMMLab, strides: Sequence[int] = PYRAMID_STRIDES) -> list[int]:
    """Puts the backbone with its weights into a detector's configuration.

    Args:
        config: The detector's configuration, changed in place.
        settings: The model as the recipe has it.
        strides: Those of the feature maps that go to the neck, a part of 4, 8, 16, 32.

    Returns:
        Channels of these feature maps.

    Raises:
        RecipeError: If timm has no such model, or none with such feature maps.
        WeightsError: If pretrained weights cannot be had.
    """
    if timm_name(settings) is not None:
        return _set_timm(config, settings, strides)
    levels = [PYRAMID_STRIDES.index(stride) for stride in strides]
    is_resnet = settings.backbone in RESNETS
    config.backbone = shipped((RESNETS if is_resnet else SWINS)[settings.backbone]).backbone
    config.backbone.update(out_indices=levels, with_cp=settings.activation_checkpointing)
    _set_pretrained(config.backbone, settings, is_resnet=is_resnet)
    channels = RESNET_CHANNELS if is_resnet else [config.backbone.embed_dims * 2**level for level in range(4)]
    return [channels[level] for level in levels]


def is_backbone_file(settings: ModelSettings) -> bool:
    """Whether `pretrained` is the path of weights for a backbone of timm alone.

    Raises:
        WeightsError: If the file cannot be loaded.
    """
    if not isinstance(settings, OpenMMLab) or timm_name(settings) is None or not is_path(settings.pretrained):
        return False
    return not is_detector(Path(settings.pretrained))


def timm_name(settings: OpenMMLab) -> str | None:
    """The backbone's name in timm; None for those of mmdet."""
    if settings.backbone == "efficientnet_lite0":
        return PACKAGED_BACKBONE
    is_timm = settings.backbone.startswith(TIMM_PREFIX)
    return settings.backbone.removeprefix(TIMM_PREFIX) if is_timm else None


def timm_backbone(settings: OpenMMLab, name: str, strides: Sequence[int]) -> dict[str, Any]:
    """The settings of `TimmFeatures` for a model."""
    weights = _timm_weights(settings, name)
    trained = weights != "none"
    return {
        "type": "TimmFeatures",
        "name": name,
        "out_indices": levels_of_strides(name, strides),
        "pretrained": weights,
        "norm_eval": trained,
        "frozen_levels": FROZEN_LEVELS if trained else 0,
        "activation_checkpointing": settings.activation_checkpointing,
    }


def _set_timm(config: ConfigDict, settings: OpenMMLab, strides: Sequence[int]) -> list[int]:
    name = timm_name(settings)
    assert name is not None
    mean, std = pixel_mean_std(name)
    config.data_preprocessor.update(mean=list(mean), std=list(std))
    config.backbone = ConfigDict(timm_backbone(settings, name, strides))
    return feature_channels(name, config.backbone.out_indices)


def _timm_weights(settings: OpenMMLab, name: str) -> str:
    if settings.pretrained == "none":
        return "none"
    if is_path(settings.pretrained):
        return settings.pretrained if is_backbone_file(settings) else "none"
    return "packaged" if name == PACKAGED_BACKBONE else str(find_weights(settings.backbone))


def _set_pretrained(backbone: ConfigDict, settings: OpenMMLab, *, is_resnet: bool) -> None:
    if settings.pretrained == "imagenet":
        backbone.init_cfg.checkpoint = str(find_weights(settings.backbone))
        return
    backbone.init_cfg = None
    if settings.pretrained == "none" and is_resnet:
        # From scratch nothing may be frozen, neither layers nor the statistics of batch norm.
        backbone.update(frozen_stages=-1, norm_eval=False, norm_cfg={"type": "BN", "requires_grad": True})
