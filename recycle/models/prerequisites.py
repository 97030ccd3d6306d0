"""What a model needs that may be missing, asked before anything trains."""

from importlib.util import find_spec
from pathlib import Path

from recycle.errors import RecipeError
from recycle.recipe import CascadeRCNN, Model, YOLOv5

MISSING_ULTRALYTICS = (
    "The family yolov5 needs ultralytics, which is licensed under AGPL-3.0 and not installed by default: "
    "uv pip install 'recycle[yolo]'"
)


def require_libraries(settings: Model) -> None:
    """Makes sure that the libraries of a model's family are installed.

    Raises:
        RecipeError: If one is missing; says how to install it.
    """
    if isinstance(settings, YOLOv5) and find_spec("ultralytics") is None:
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


def is_path(pretrained: str) -> bool:
    """Whether a recipe's `pretrained` names a file."""
    return pretrained not in ("imagenet", "none")


def _file_of(settings: Model) -> Path | None:
    if is_path(settings.pretrained):
        return Path(settings.pretrained)
    if isinstance(settings, CascadeRCNN) and settings.backbone != "efficientnet_lite0":
        from recycle.models.openmmlab import pretrained_file  # noqa: PLC0415 - mmdet takes seconds to import

        return pretrained_file(settings)
    return None
