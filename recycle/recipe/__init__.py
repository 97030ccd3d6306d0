"""The recipe: everything a run is told, as validated and documented types."""

from pathlib import Path
from typing import Self

from pydantic import Field, field_validator, model_validator

from recycle.recipe.augmentations import Augmentation, OneOf
from recycle.recipe.data import Data, Repair, Synthetic
from recycle.recipe.efficientdet import EfficientDet
from recycle.recipe.fusion import Fusion, Method, Metric
from recycle.recipe.geometric_augmentations import (
    CropNonEmptyMask,
    HorizontalFlip,
    OpticalDistortion,
    RandomCrop,
    RandomResizedCrop,
    Resize,
    Rotate90,
    ShiftScaleRotate,
    VerticalFlip,
)
from recycle.recipe.inference import TTA, Flip, View
from recycle.recipe.losses import CrossEntropy, Focal, LabelSmoothing, Losses, SoftCrossEntropy
from recycle.recipe.mixing_augmentations import Mixup, Mosaic
from recycle.recipe.models import Model
from recycle.recipe.openmmlab import ATSS, DINO, CascadeRCNN, DetectoRS, MaskRCNNSwin, OpenMMLab
from recycle.recipe.optimizers import EMA, SWA, MultiScale, Optimizer
from recycle.recipe.phases import Phase
from recycle.recipe.pixel_augmentations import (
    CLAHE,
    AdditiveNoise,
    Blur,
    Colour,
    Emboss,
    GaussNoise,
    HueSaturationValue,
    MedianBlur,
    MotionBlur,
    Pixelwise,
    RandomBrightnessContrast,
    RGBShift,
    Sharpen,
)
from recycle.recipe.pseudo_labels import PseudoLabels, PseudoMixing, model_of_round, name_in_recipe, name_in_round
from recycle.recipe.search import Search, SearchMetric, SmallStage
from recycle.recipe.segmentation import SMP
from recycle.recipe.settings import (
    ALL_DATA_SUFFIX,
    MEMBER_PATTERN,
    MEMBER_SEPARATOR,
    NAME_PATTERN,
    ROUND_SEPARATOR,
    Settings,
    Task,
)
from recycle.recipe.tasks import (
    METRICS,
    SPACES,
    require_metric_of_task,
    require_mixing_of_task,
    require_one_label_map_size,
    require_one_task,
)
from recycle.recipe.training import Fold, ModelSettings, Resources
from recycle.recipe.voting import CRF, Voting
from recycle.recipe.yolo import YOLO

__all__ = [
    "ALL_DATA_SUFFIX",
    "ATSS",
    "CLAHE",
    "CRF",
    "DINO",
    "EMA",
    "MEMBER_PATTERN",
    "MEMBER_SEPARATOR",
    "NAME_PATTERN",
    "RECIPES_FOLDER",
    "ROUND_SEPARATOR",
    "SMP",
    "SWA",
    "TTA",
    "YOLO",
    "AdditiveNoise",
    "Augmentation",
    "Blur",
    "CascadeRCNN",
    "Colour",
    "CropNonEmptyMask",
    "CrossEntropy",
    "Data",
    "DetectoRS",
    "EfficientDet",
    "Emboss",
    "Flip",
    "Focal",
    "Fold",
    "Fusion",
    "GaussNoise",
    "HorizontalFlip",
    "HueSaturationValue",
    "LabelSmoothing",
    "Losses",
    "MaskRCNNSwin",
    "MedianBlur",
    "Method",
    "Metric",
    "Mixup",
    "Model",
    "ModelSettings",
    "Mosaic",
    "MotionBlur",
    "MultiScale",
    "OneOf",
    "OpenMMLab",
    "OpticalDistortion",
    "Optimizer",
    "Phase",
    "Pixelwise",
    "PseudoLabels",
    "PseudoMixing",
    "RGBShift",
    "RandomBrightnessContrast",
    "RandomCrop",
    "RandomResizedCrop",
    "Recipe",
    "Repair",
    "Resize",
    "Resources",
    "Rotate90",
    "Search",
    "Settings",
    "Sharpen",
    "ShiftScaleRotate",
    "SmallStage",
    "SoftCrossEntropy",
    "Synthetic",
    "Task",
    "VerticalFlip",
    "View",
    "Voting",
    "model_of_round",
    "name_in_recipe",
    "name_in_round",
]

RECIPES_FOLDER = Path(__file__).parent.parent / "recipes"


class Recipe(Settings):
    """Everything a run is told."""

    name: str = Field(pattern=NAME_PATTERN, max_length=80)
    """Names the run in results."""
    task: Task = "detection"
    """Whether the models find boxes of objects or label every pixel."""
    seed: int = Field(default=0, ge=0, lt=2**31)
    """The same seed gives the same folds, the same training order and the same search."""
    data: Data = Data()
    """How the data set is checked and divided."""
    models: tuple[Model, ...] = Field(min_length=1)
    """The models of the ensemble; each is trained once for each fold."""
    fusion: Fusion = Fusion()
    """The search of fusion settings, where boxes are found."""
    voting: Voting = Voting()
    """The search of voting settings, where pixels are labelled."""
    search: Search = Search()
    """The search of a model's training settings, which `jobs/search_training.py` does."""
    rounds: int = Field(default=0, ge=0, le=9)
    """Rounds of pseudo labels after the first training; the first that does not make the ensemble better ends them."""
    pseudo_labels: PseudoLabels = PseudoLabels()
    """What each of these rounds does."""
    retries: int = Field(default=2, ge=0)
    """How often a member that failed by itself is continued from its last checkpoint; the loss of its machine does not
    count, nor does that of a process that got further than the one before."""
    storage: str = ""
    """Address of a folder that all machines reach, such as `s3://bucket/runs`, if they share no disk: checkpoints and
    predictions go there, into a folder with the name of the run's, and so does the rest of the run folder."""
    checkpoints: int = Field(default=2, ge=1)
    """How many checkpoints each member keeps: the last, the best, and then those after the latest epochs before."""

    @model_validator(mode="after")
    def _models_share_a_task(self) -> Self:
        changed = [
            key for key, default in (("fusion", Fusion()), ("voting", Voting())) if getattr(self, key) != default
        ]
        require_one_task(self.task, self.models, changed)
        require_one_label_map_size(self.models)
        require_metric_of_task(self.search.metric, self.task)
        require_mixing_of_task(self.pseudo_labels.mixing, self.task)
        return self

    @model_validator(mode="after")
    def _folds_exist(self) -> Self:
        for model in self.models:
            absent = [fold for fold in model.folds if fold != "all" and fold >= self.data.folds]
            if absent:
                raise ValueError(
                    f"folds of model {model.name!r} must be from 0 to {self.data.folds - 1}, as data.folds is "
                    f"{self.data.folds}, but got {absent[0]}"
                )
        return self

    @model_validator(mode="after")
    def _searched_folds_exist(self) -> Self:
        absent = [fold for fold in self.search.folds if fold >= self.data.folds]
        if absent:
            raise ValueError(
                f"search.folds must be from 0 to {self.data.folds - 1}, as data.folds is {self.data.folds}, "
                f"but got {absent[0]}"
            )
        return self

    @model_validator(mode="after")
    def _a_part_of_the_data_has_no_pasted_objects(self) -> Self:
        if self.search.small.data_fraction < 1 and self.data.copy_paste is not None:
            raise ValueError(
                "search.small.data_fraction must be 1 where data.copy_paste is set, which is done for whole training "
                f"parts, but got {self.search.small.data_fraction}"
            )
        return self

    @property
    def search_metric(self) -> SearchMetric:
        """What the search of training settings climbs."""
        return self.search.metric or METRICS[self.task][0]

    @property
    def search_space(self) -> str:
        """What it tries, as `package.module:function`."""
        return self.search.space or SPACES[self.task]

    def models_in(self, round_index: int) -> tuple[Model, ...]:
        """The models as a round trains them; round 0 knows no pseudo labels."""
        if not round_index:
            return self.models
        return tuple(model_of_round(model, self.pseudo_labels, round_index) for model in self.models)

    @field_validator("models")
    @classmethod
    def _names_are_unique(cls, models: tuple[Model, ...]) -> tuple[Model, ...]:
        names = [model.name for model in models]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"models must have different names, but {', '.join(map(repr, repeated))} is repeated")
        return models
