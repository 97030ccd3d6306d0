"""Detectors without proposals: DINO and ATSS."""

from mmengine.config import ConfigDict

from recycle.models.openmmlab.backbones import PYRAMID_STRIDES, set_backbone
from recycle.models.openmmlab.shipped import LOWEST_SCORE, MOST_BOXES, shipped
from recycle.recipe.openmmlab import ATSS, DINO

STRIDES_FROM_8 = PYRAMID_STRIDES[1:]


def dino(settings: DINO, class_count: int) -> ConfigDict:
    """The configuration of a DINO."""
    config = shipped("dino/dino-4scale_r50_8xb2-12e_coco.py")
    levels = settings.feature_levels
    config.neck.in_channels = set_backbone(config, settings, PYRAMID_STRIDES if levels == 5 else STRIDES_FROM_8)
    config.neck.update(out_channels=settings.channels, num_outs=levels)
    config.num_feature_levels = levels
    config.num_queries = settings.queries
    config.positional_encoding.num_feats = settings.channels // 2
    config.dn_cfg.group_cfg.num_dn_queries = settings.denoising_queries
    _set_layers(config, settings)
    config.bbox_head.update(type="IgnoringDINOHead", num_classes=class_count, embed_dims=settings.channels)
    config.train_cfg.assigner.type = "SteadyHungarianAssigner"
    config.test_cfg.max_per_img = min(MOST_BOXES, settings.queries)
    return config


def atss(settings: ATSS, class_count: int) -> ConfigDict:
    """The configuration of an ATSS, with the convolutions of its own head or with a dynamic head."""
    has_dyhead = settings.dyhead_blocks > 0
    config = shipped(
        "dyhead/atss_swin-l-p4-w12_fpn_dyhead_ms-2x_coco.py" if has_dyhead else "atss/atss_r50_fpn_1x_coco.py"
    )
    channels = settings.fpn_channels
    pyramid, *dyhead = config.neck if has_dyhead else [config.neck]
    pyramid.update(in_channels=set_backbone(config, settings, STRIDES_FROM_8), out_channels=channels, start_level=0)
    for blocks in dyhead:
        blocks.update(in_channels=channels, out_channels=channels, num_blocks=settings.dyhead_blocks)
    config.bbox_head.update(in_channels=channels, feat_channels=channels, num_classes=class_count)
    config.train_cfg.assigner.type = "IgnoringATSSAssigner"
    config.test_cfg.update(score_thr=LOWEST_SCORE, max_per_img=MOST_BOXES)
    return config


def _set_layers(config: ConfigDict, settings: DINO) -> None:
    config.encoder.num_layers, config.decoder.num_layers = settings.encoder_layers, settings.decoder_layers
    for layer in (config.encoder.layer_cfg, config.decoder.layer_cfg):
        layer.self_attn_cfg.embed_dims = settings.channels
        layer.ffn_cfg.update(embed_dims=settings.channels, feedforward_channels=settings.feedforward_channels)
    config.encoder.layer_cfg.self_attn_cfg.num_levels = settings.feature_levels
    config.decoder.layer_cfg.cross_attn_cfg.update(embed_dims=settings.channels, num_levels=settings.feature_levels)
