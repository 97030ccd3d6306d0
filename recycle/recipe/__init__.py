"""The recipe: everything a run is told, as validated and documented types."""

from pathlib import Path

from pydantic import Field, field_validator

from recycle.recipe.augmentations import Augmentation, Colour, HorizontalFlip, Resize, VerticalFlip
from recycle.recipe.data import Data, Repair, Synthetic
from recycle.recipe.fusion import Fusion, Method, Metric
from recycle.recipe.models import CascadeRCNN, Model, YOLOv5
from recycle.recipe.settings import MEMBER_SEPARATOR, NAME_PATTERN, Settings
from recycle.recipe.training import ModelSettings, Optimizer, Resources

__all__ = [
    "MEMBER_SEPARATOR",
    "NAME_PATTERN",
    "RECIPES_FOLDER",
    "Augmentation",
    "CascadeRCNN",
    "Colour",
    "Data",
    "Fusion",
    "HorizontalFlip",
    "Method",
    "Metric",
    "Model",
    "ModelSettings",
    "Optimizer",
    "Recipe",
    "Repair",
    "Resize",
    "Resources",
    "Settings",
    "Synthetic",
    "VerticalFlip",
    "YOLOv5",
]

RECIPES_FOLDER = Path(__file__).parent.parent / "recipes"


class Recipe(Settings):
    """Everything a run is told."""

    name: str = Field(pattern=NAME_PATTERN, max_length=80)
    """Names the run in results."""
    seed: int = Field(default=0, ge=0, lt=2**31)
    """The same seed gives the same folds, the same training order and the same search."""
    data: Data = Data()
    """How the data set is checked and divided."""
    models: tuple[Model, ...] = Field(min_length=1)
    """The models of the ensemble; each is trained once for each fold."""
    fusion: Fusion = Fusion()
    """The search of fusion settings."""
    retries: int = Field(default=2, ge=0)
    """How often a member that failed is continued from its last checkpoint."""

    @field_validator("models")
    @classmethod
    def _names_are_unique(cls, models: tuple[Model, ...]) -> tuple[Model, ...]:
        names = [model.name for model in models]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"models must have different names, but {', '.join(map(repr, repeated))} is repeated")
        return models
