from typing import Any

import pytest

from recycle.models.cost import relative_cost
from tests.models.openmmlab.settings import parse

CHEAPER_FIRST = [
    (("cascade_rcnn", {"backbone": "efficientnet_lite0"}), ("cascade_rcnn", {"backbone": "resnet50"})),
    (("cascade_rcnn", {"backbone": "resnet101"}), ("cascade_rcnn", {"backbone": "resnext101_64x4d"})),
    (("cascade_rcnn", {}), ("detectors", {})),
    (("mask_rcnn_swin", {}), ("mask_rcnn_swin", {"backbone": "swin_l"})),
    (("mask_rcnn_swin", {}), ("mask_rcnn_swin", {"cascade": True})),
    (("atss", {}), ("atss", {"dyhead_blocks": 6})),
    (("dino", {}), ("dino", {"feature_levels": 5})),
    (("dino", {"backbone": "swin_l"}), ("dino", {"backbone": "swin_l", "activation_checkpointing": True})),
]


@pytest.mark.parametrize(("cheap", "dear"), CHEAPER_FIRST)
def test_cost_grows_with_the_network(cheap: tuple[str, dict[str, Any]], dear: tuple[str, dict[str, Any]]) -> None:
    less, more = (relative_cost(parse(family, image_size=640, **changes)) for family, changes in (cheap, dear))
    assert less < more


@pytest.mark.parametrize("family", ["cascade_rcnn", "detectors", "mask_rcnn_swin", "dino", "atss"])
def test_cost_grows_with_the_image(family: str) -> None:
    assert relative_cost(parse(family, image_size=1024)) > 1.5 * relative_cost(parse(family, image_size=512))
