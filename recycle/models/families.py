"""From a recipe's model to a network: the one place that knows every family."""

from collections.abc import Mapping
from pathlib import Path

import mmdet.models  # noqa: F401 - registers the detectors
from mmdet.registry import MODELS
from mmengine.config import ConfigDict
from mmengine.logging import MMLogger
from mmengine.model import BaseModel
from mmengine.registry import DefaultScope

from recycle.models import openmmlab, yolo  # noqa: F401 - registers YOLOv5
from recycle.models.checkpoints import load_checkpoint, load_matching_weights, use_safe_loader
from recycle.recipe import CascadeRCNN, Model, YOLOv5

# Billions of multiply-adds for one image of 640 px, forward: what a member costs is compared by it.
YOLO_COST: Mapping[str, float] = {"tiny": 4, "n": 4, "s": 12, "m": 32, "l": 68, "x": 123}
CASCADE_COST: Mapping[str, float] = {
    "efficientnet_lite0": 20,
    "resnet50": 130,
    "resnet101": 170,
    "resnext101_32x4d": 175,
    "resnext101_64x4d": 255,
}


def build_model(settings: Model, class_count: int) -> BaseModel:
    """Builds the network of a model with its pretrained weights, on the CPU.

    Args:
        settings: The model as the recipe has it.
        class_count: Number of classes.

    Raises:
        WeightsError: If pretrained weights cannot be had.
    """
    use_safe_loader()
    DefaultScope.get_instance("recycle", scope_name="mmdet")
    MMLogger.get_instance("recycle", log_level="WARNING")  # the initialisation of every tensor is not worth a line
    model: BaseModel = MODELS.build(_config(settings, class_count))
    model.init_weights()
    if _is_path(settings.pretrained):
        load_matching_weights(model, Path(settings.pretrained))
    return model


def require_weights(settings: Model) -> Path | None:
    """Makes sure, before anything trains, that a model's pretrained weights are there and load safely.

    Returns:
        Their file; None where none are used or they come with the installation.

    Raises:
        WeightsError: If they are missing; names the file and where to put it.
    """
    if _is_path(settings.pretrained):
        load_checkpoint(Path(settings.pretrained))
        return Path(settings.pretrained)
    if isinstance(settings, CascadeRCNN):
        return openmmlab.pretrained_file(settings)
    return None


def relative_cost(settings: Model) -> float:
    """What one training step on one image costs, in units that compare between models."""
    by_size = YOLO_COST[settings.size] if isinstance(settings, YOLOv5) else CASCADE_COST[settings.backbone]
    return by_size * (settings.image_size / 640) ** 2


def _config(settings: Model, class_count: int) -> ConfigDict:
    if isinstance(settings, CascadeRCNN):
        return openmmlab.cascade_rcnn(settings, class_count)
    pretrained = "packaged" if settings.size == "tiny" and settings.pretrained == "imagenet" else "none"
    return ConfigDict(type="YOLOv5", size=settings.size, num_classes=class_count, pretrained=pretrained)


def _is_path(pretrained: str) -> bool:
    return pretrained not in ("imagenet", "none")
