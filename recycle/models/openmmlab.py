"""The families that come from mmdet, as edits of the configurations that mmdet ships."""

from importlib.util import find_spec
from pathlib import Path

from mmengine.config import Config, ConfigDict

from recycle.models.backbones import feature_channels, pixel_mean_std
from recycle.models.weights import find_weights
from recycle.recipe import CascadeRCNN

CASCADE_CONFIGS = {
    "resnet50": "cascade-rcnn_r50_fpn_1x_coco.py",
    "resnet101": "cascade-rcnn_r101_fpn_1x_coco.py",
    "resnext101_32x4d": "cascade-rcnn_x101-32x4d_fpn_1x_coco.py",
    "resnext101_64x4d": "cascade-rcnn_x101-64x4d_fpn_1x_coco.py",
}
TIMM_BACKBONES = {"efficientnet_lite0": "tf_efficientnet_lite0"}
FPN_LEVELS = (1, 2, 3, 4)
"""timm's indices of the feature maps with strides 4, 8, 16 and 32."""

FROZEN_LEVELS = 2
"""The shallowest levels of a pretrained backbone, strides 2 and 4, hold little that a new data set changes."""

LOWEST_SCORE = 0.001
"""Weak boxes are kept: fusion and average precision both use them."""

RPN_SAMPLES = 256
"""Anchors of each image that the proposal network is trained on."""


def cascade_rcnn(settings: CascadeRCNN, class_count: int) -> ConfigDict:
    """The configuration of a Cascade R-CNN (Cai and Vasconcelos, 2018) with a feature pyramid."""
    config = _shipped(f"cascade_rcnn/{CASCADE_CONFIGS.get(settings.backbone, CASCADE_CONFIGS['resnet50'])}")
    if settings.backbone in TIMM_BACKBONES:
        _use_timm_backbone(config, TIMM_BACKBONES[settings.backbone], settings.pretrained)
    else:
        _set_pretrained(config.backbone, settings.pretrained)
    _set_widths(config, settings, class_count)
    _set_proposals(config, settings)
    return config


def pretrained_file(settings: CascadeRCNN) -> Path | None:
    """The file of a full-size backbone's pretrained weights; fetches it if need be.

    Raises:
        WeightsError: If the weights cannot be had; names the file and where to put it.
    """
    if settings.pretrained != "imagenet" or settings.backbone in TIMM_BACKBONES:
        return None
    config = _shipped(f"cascade_rcnn/{CASCADE_CONFIGS[settings.backbone]}")
    return find_weights(config.backbone.init_cfg.checkpoint)


def _shipped(name: str) -> ConfigDict:
    """The model part of a configuration inside the mmdet package."""
    spec = find_spec("mmdet")
    assert spec is not None
    assert spec.origin is not None
    path = Path(spec.origin).parent / ".mim" / "configs" / name
    return Config.fromfile(path).model


def _use_timm_backbone(config: ConfigDict, name: str, pretrained: str) -> None:
    mean, std = pixel_mean_std(name)
    is_pretrained = pretrained == "imagenet"
    config.data_preprocessor.update(mean=list(mean), std=list(std))
    config.backbone = ConfigDict(
        type="TimmFeatures",
        name=name,
        out_indices=FPN_LEVELS,
        pretrained="packaged" if is_pretrained else "none",
        norm_eval=is_pretrained,
        frozen_levels=FROZEN_LEVELS if is_pretrained else 0,
    )
    config.neck.in_channels = list(feature_channels(name, FPN_LEVELS))


def _set_pretrained(backbone: ConfigDict, pretrained: str) -> None:
    if pretrained == "imagenet":
        backbone.init_cfg.checkpoint = str(find_weights(backbone.init_cfg.checkpoint))
        return
    backbone.init_cfg = None
    if pretrained == "none":
        # From scratch nothing may be frozen, neither layers nor the statistics of batch norm.
        backbone.update(frozen_stages=-1, norm_eval=False)


def _set_widths(config: ConfigDict, settings: CascadeRCNN, class_count: int) -> None:
    channels = settings.fpn_channels
    config.neck.out_channels = channels
    config.rpn_head.update(in_channels=channels, feat_channels=channels)
    config.roi_head.bbox_roi_extractor.out_channels = channels
    for head in config.roi_head.bbox_head:
        head.update(in_channels=channels, fc_out_channels=settings.head_channels, num_classes=class_count)


def _set_proposals(config: ConfigDict, settings: CascadeRCNN) -> None:
    train, test = config.train_cfg, config.test_cfg
    # As in mmdet's defaults, the box heads are trained on twice as many regions as they are tested on.
    train.rpn_proposal.update(nms_pre=2 * settings.proposals, max_per_img=2 * settings.proposals)
    train.rpn.sampler.num = min(RPN_SAMPLES, 2 * settings.sampled_rois)
    for stage in train.rcnn:
        stage.sampler.num = settings.sampled_rois
    test.rpn.update(nms_pre=settings.proposals, max_per_img=settings.proposals)
    test.rcnn.update(score_thr=LOWEST_SCORE)
