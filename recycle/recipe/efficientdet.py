"""The family that comes from effdet."""

from collections.abc import Mapping
from typing import Literal

from recycle.recipe.training import ModelSettings

EFFICIENTDET_BACKBONES: Mapping[str, str] = {
    "lite0": "tf_efficientnet_lite0",
    **{f"d{number}": f"tf_efficientnet_b{min(number, 6)}" for number in range(8)},
}
"""timm's names; the largest two share theirs."""


class EfficientDet(ModelSettings):
    """EfficientDet with its own anchors and losses (Tan, Pang and Le, 2020); images are padded to multiples of 128."""

    family: Literal["efficientdet"]
    size: Literal["lite0", "d0", "d1", "d2", "d3", "d4", "d5", "d6", "d7"] = "d0"
    """`lite0` is small and the ImageNet weights of its backbone are installed. The authors' image sizes are 320 for it,
    then 512, 640, 768, 896, 1024, 1280, 1280 and 1536."""
