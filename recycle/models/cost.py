"""What training costs, in units that compare between models."""

from collections.abc import Mapping

from recycle.recipe import Model, YOLOv5

# Billions of multiply-adds for one image of 640 px, forward: what a member costs is compared by it.
YOLO_COST: Mapping[str, float] = {"tiny": 4, "n": 4, "s": 12, "m": 32, "l": 68, "x": 123}
CASCADE_COST: Mapping[str, float] = {
    "efficientnet_lite0": 20,
    "resnet50": 130,
    "resnet101": 170,
    "resnext101_32x4d": 175,
    "resnext101_64x4d": 255,
}


def relative_cost(settings: Model) -> float:
    """What one training step on one image costs, in units that compare between models."""
    by_size = YOLO_COST[settings.size] if isinstance(settings, YOLOv5) else CASCADE_COST[settings.backbone]
    return by_size * (settings.image_size / 640) ** 2
