"""Detectors that propose regions first: Cascade R-CNN, DetectoRS and Mask R-CNN."""

from mmengine.config import ConfigDict

from recycle.models.openmmlab.backbones import (
    PYRAMID_STRIDES,
    RESNETS,
    SWINS,
    set_backbone,
    timm_backbone,
    timm_name,
)
from recycle.models.openmmlab.shipped import LOWEST_SCORE, MOST_BOXES, shipped
from recycle.recipe.openmmlab import CascadeRCNN, DetectoRS, MaskRCNNSwin, TwoStage

CASCADE_MASK_RCNN = "cascade_rcnn/cascade-mask-rcnn_r50_fpn_1x_coco.py"
MASK_RCNN = SWINS["swin_t"]

RPN_SAMPLES = 256
"""Anchors of each image that the proposal network is trained on."""

ASPP_BRANCHES = 4
"""What the recursive pyramid feeds back has as many parts."""


def cascade_rcnn(settings: CascadeRCNN, class_count: int) -> ConfigDict:
    """The configuration of a Cascade R-CNN with a feature pyramid."""
    config = shipped(RESNETS["resnet50"])
    config.neck.in_channels = set_backbone(config, settings)
    _set_widths(config, settings, class_count)
    _set_proposals(config, settings)
    return config


def detectors(settings: DetectoRS, class_count: int) -> ConfigDict:
    """The configuration of a DetectoRS on Cascade R-CNN."""
    config = shipped("detectors/detectors_cascade-rcnn_r50_1x_coco.py")
    original = config.backbone
    config.neck.in_channels = set_backbone(config, settings)
    _set_widths(config, settings, class_count)
    _set_proposals(config, settings)
    config.neck.aspp_out_channels = settings.fpn_channels // ASPP_BRANCHES
    name = timm_name(settings)
    if name is None:
        _make_switchable(config, original)
    else:
        config.backbone.update(type="RecursiveTimmFeatures", output_image=True)
        second = timm_backbone(settings, name, PYRAMID_STRIDES)
        second.update(type="RecursiveTimmFeatures", feedback_channels=settings.fpn_channels)
        config.neck.rfp_backbone = ConfigDict(second)
    return config


def mask_rcnn_swin(settings: MaskRCNNSwin, class_count: int) -> ConfigDict:
    """The configuration of a Mask R-CNN, or a Cascade Mask R-CNN, which predict boxes only."""
    config = shipped(CASCADE_MASK_RCNN if settings.cascade else MASK_RCNN)
    config.neck.in_channels = set_backbone(config, settings)
    _set_widths(config, settings, class_count)
    _set_proposals(config, settings)
    roi_head, channels = config.roi_head, settings.fpn_channels
    roi_head.type = f"BoxesOf{roi_head.type}"
    roi_head.mask_roi_extractor.out_channels = channels
    roi_head.mask_head.update(in_channels=channels, conv_out_channels=channels, num_classes=class_count)
    return config


def _make_switchable(config: ConfigDict, original: ConfigDict) -> None:
    """Gives mmdet's backbone switchable convolutions, and the pyramid a second one that takes its feedback."""
    config.data_preprocessor.type = "RoomyDataPreprocessor"
    backbone = config.backbone
    backbone.type = f"DetectoRS_{backbone.type}"
    for key in ("conv_cfg", "sac", "stage_with_sac"):
        backbone[key] = original[key]
    second = ConfigDict(backbone)
    second.rfp_inplanes = config.neck.aspp_out_channels * ASPP_BRANCHES
    backbone.output_img = True
    config.neck.rfp_backbone = second


def _set_widths(config: ConfigDict, settings: TwoStage, class_count: int) -> None:
    channels = settings.fpn_channels
    config.neck.out_channels = channels
    config.rpn_head.update(in_channels=channels, feat_channels=channels)
    config.roi_head.bbox_roi_extractor.out_channels = channels
    for head in _as_list(config.roi_head.bbox_head):
        head.update(in_channels=channels, fc_out_channels=settings.head_channels, num_classes=class_count)


def _set_proposals(config: ConfigDict, settings: TwoStage) -> None:
    train, test = config.train_cfg, config.test_cfg
    # The box heads of mmdet's cascades are trained on twice as many regions as they are tested on, a single one is not.
    in_training = settings.proposals * train.rpn_proposal.max_per_img // test.rpn.max_per_img
    train.rpn_proposal.update(nms_pre=2 * settings.proposals, max_per_img=in_training)
    train.rpn.assigner.type = "IgnoringMaxIoUAssigner"
    train.rpn.sampler.num = min(RPN_SAMPLES, 2 * settings.sampled_rois)
    for stage in _as_list(train.rcnn):
        stage.assigner.type = "IgnoringMaxIoUAssigner"
        stage.sampler.num = settings.sampled_rois
    test.rpn.update(nms_pre=settings.proposals, max_per_img=settings.proposals)
    test.rcnn.update(score_thr=LOWEST_SCORE, max_per_img=MOST_BOXES)


def _as_list(parts: ConfigDict | list[ConfigDict]) -> list[ConfigDict]:
    """The parts of a cascade, or the one part of what is none."""
    return parts if isinstance(parts, list) else [parts]
