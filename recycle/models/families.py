"""From a recipe's model to a network: the one place that knows every family."""

from pathlib import Path

import mmdet.models  # noqa: F401 - registers the detectors
from mmdet.registry import MODELS
from mmengine.config import ConfigDict
from mmengine.logging import MMLogger
from mmengine.model import BaseModel
from mmengine.registry import DefaultScope

from recycle.models import openmmlab, yolo  # noqa: F401 - registers YOLOv5
from recycle.models.checkpoints import load_matching_weights, use_safe_loader
from recycle.models.prerequisites import is_path
from recycle.recipe import CascadeRCNN, Model


def build_model(settings: Model, class_count: int) -> BaseModel:
    """Builds the network of a model with its pretrained weights, on the CPU.

    Args:
        settings: The model as the recipe has it.
        class_count: Number of classes.

    Raises:
        WeightsError: If pretrained weights cannot be had.
    """
    use_safe_loader()
    if not DefaultScope.check_instance_created("recycle"):
        DefaultScope.get_instance("recycle", scope_name="mmdet")
        MMLogger.get_instance("recycle", log_level="WARNING")  # the initialisation of every tensor is not worth a line
    model: BaseModel = MODELS.build(_config(settings, class_count))
    model.init_weights()
    if is_path(settings.pretrained):
        load_matching_weights(model, Path(settings.pretrained))
    return model


def _config(settings: Model, class_count: int) -> ConfigDict:
    if isinstance(settings, CascadeRCNN):
        return openmmlab.cascade_rcnn(settings, class_count)
    pretrained = "packaged" if settings.size == "tiny" and settings.pretrained == "imagenet" else "none"
    return ConfigDict(type="YOLOv5", size=settings.size, num_classes=class_count, pretrained=pretrained)
