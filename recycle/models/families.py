"""From a recipe's model to a network: the one place that knows every family."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import mmdet.models  # noqa: F401 - registers the detectors
from mmdet.registry import MODELS
from mmengine.config import ConfigDict
from mmengine.logging import MMLogger
from mmengine.model import BaseModel
from mmengine.registry import DefaultScope

from recycle.errors import RecycleWarning, WeightsError
from recycle.models import (  # noqa: F401 - registers RecursiveTimmFeatures
    efficientdet,
    recursive_backbone,
    segmentation,
    yolo,
)
from recycle.models.checkpoints import load_matching_weights, use_safe_loader
from recycle.models.losses import apply_losses
from recycle.models.openmmlab.backbones import is_backbone_file
from recycle.models.openmmlab.configuration import openmmlab
from recycle.models.prerequisites import is_path
from recycle.recipe import SMP, YOLO, EfficientDet, Model, OpenMMLab

COUNTER = "num_batches_tracked"
"""Of batch normalisation; old checkpoints have none."""

BACKGROUND_WEIGHT = 1.0
"""Of pixels that show no object, where classes are weighed."""

FURTHER_CLASSES = 1000
"""So many more show even where widths follow the classes only roughly."""


def build_model(settings: Model, class_count: int, class_weights: Sequence[float] | None = None) -> BaseModel:
    """Builds the network of a model with its pretrained weights, on the CPU.

    Args:
        settings: The model as the recipe has it.
        class_count: Number of classes.
        class_weights: How much each class counts in the classification loss; all alike if None.

    Raises:
        WeightsError: If pretrained weights cannot be had, or are of another network.
    """
    model = build_untrained(settings, class_count, class_weights)
    model.init_weights()
    if is_path(settings.pretrained) and not is_backbone_file(settings):
        _load_pretrained(model, settings, class_count)
    return model


def build_untrained(settings: Model, class_count: int, class_weights: Sequence[float] | None = None) -> BaseModel:
    """Builds the network of a model before its weights are initialised; arguments as for `build_model`."""
    use_safe_loader()
    if not DefaultScope.check_instance_created("recycle"):
        DefaultScope.get_instance("recycle", scope_name="mmdet")
        MMLogger.get_instance("recycle", log_level="WARNING")  # the initialisation of every tensor is not worth a line
    model: BaseModel = MODELS.build(_config(settings, class_count, class_weights))
    return model


def _load_pretrained(model: BaseModel, settings: Model, class_count: int) -> None:
    """Loads a detector's weights; only what depends on the number of classes may be left out."""
    missing = [name for name in load_matching_weights(model, Path(settings.pretrained)) if not name.endswith(COUNTER)]
    if not missing:
        return
    of_classes = _class_tensors(model, settings, class_count)
    others = [name for name in missing if name not in of_classes]
    if others:
        raise WeightsError(
            f"{settings.pretrained}: these weights are of another network than model {settings.name!r}: they lack "
            f"{len(others)} of its tensors, or have them in another shape, as {others[0]}"
        )
    warnings.warn(
        f"{settings.name}: {settings.pretrained} was trained for other classes: {', '.join(missing)} begin anew",
        RecycleWarning,
        stacklevel=3,
    )


def _class_tensors(model: BaseModel, settings: Model, class_count: int) -> set[str]:
    """Names of the tensors whose shape depends on the number of classes."""
    twin = build_untrained(settings.model_copy(update={"pretrained": "none"}), class_count + FURTHER_CLASSES)
    shapes = {name: tensor.shape for name, tensor in twin.state_dict().items()}
    return {name for name, tensor in model.state_dict().items() if shapes[name] != tensor.shape}


def _config(settings: Model, class_count: int, class_weights: Sequence[float] | None) -> ConfigDict:
    if isinstance(settings, SMP):
        weights = None if class_weights is None else [BACKGROUND_WEIGHT, *class_weights]
        return segmentation.segmentation(settings, class_count, weights)
    config = _detector(settings, class_count)
    apply_losses(config, settings.losses, class_weights)
    return config


def _detector(settings: Model, class_count: int) -> ConfigDict:
    if isinstance(settings, OpenMMLab):
        return openmmlab(settings, class_count)
    if isinstance(settings, EfficientDet):
        return efficientdet.efficientdet(settings, class_count)
    assert isinstance(settings, YOLO)
    return yolo.yolo(settings, class_count)
