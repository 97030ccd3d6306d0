import pytest

from recycle.models.openmmlab.configuration import openmmlab
from tests.models.openmmlab.settings import parse


def test_small_settings_reach_every_part_of_dino() -> None:
    settings = parse(
        "dino",
        channels=64,
        feedforward_channels=96,
        encoder_layers=1,
        decoder_layers=2,
        queries=40,
        denoising_queries=7,
        feature_levels=5,
    )
    config = openmmlab(settings, class_count=3)
    assert (config.num_queries, config.num_feature_levels, config.bbox_head.num_classes) == (40, 5, 3)
    assert (config.neck.out_channels, config.neck.num_outs, len(config.neck.in_channels)) == (64, 5, 4)
    assert (config.encoder.num_layers, config.decoder.num_layers) == (1, 2)
    assert config.positional_encoding.num_feats == 32
    assert config.dn_cfg.group_cfg.num_dn_queries == 7
    assert config.test_cfg.max_per_img == 40
    for part in (config.encoder.layer_cfg, config.decoder.layer_cfg):
        assert (part.self_attn_cfg.embed_dims, part.ffn_cfg.embed_dims) == (64, 64)
        assert part.ffn_cfg.feedforward_channels == 96


@pytest.mark.parametrize("blocks", [0, 2])
def test_atss_has_its_own_head_or_a_dynamic_one(blocks: int) -> None:
    config = openmmlab(parse("atss", fpn_channels=32, dyhead_blocks=blocks), class_count=3)
    assert (config.bbox_head.in_channels, config.bbox_head.feat_channels, config.bbox_head.num_classes) == (32, 32, 3)
    assert config.bbox_head.stacked_convs == (0 if blocks else 4)
    if blocks:
        assert [part.type for part in config.neck] == ["FPN", "DyHead"]
        assert (config.neck[1].in_channels, config.neck[1].num_blocks) == (32, 2)
    else:
        assert config.neck.out_channels == 32


@pytest.mark.parametrize("family", ["dino", "atss"])
def test_weak_boxes_are_kept_up_to_a_hundred(family: str) -> None:
    test = openmmlab(parse(family), class_count=3).test_cfg
    assert test.max_per_img == 100
    assert test.get("score_thr", 0) <= 0.001
