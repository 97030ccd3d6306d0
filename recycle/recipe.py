"""The recipe: everything a run is told, as validated and documented types."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Repair = Literal[
    "drop_empty_boxes",
    "drop_outside_boxes",
    "clip_boxes",
    "drop_duplicate_annotations",
    "drop_broken_images",
    "use_actual_size",
]

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
"""Names become parts of file names."""

MEMBER_SEPARATOR = "-fold"


class Settings(BaseModel):
    """A part of a recipe: unknown keys are refused, and nothing changes after validation."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)


class Synthetic(Settings):
    """The synthetic sample that stands in when no data set is given."""

    images: int = Field(default=200, ge=10)
    """How many photographs to draw."""
    image_size: int = Field(default=192, ge=64, le=4096)
    """Width and height in pixels."""


class Data(Settings):
    """How the data set is checked and divided."""

    folds: int = Field(default=5, ge=2)
    """Every model is trained once for each fold, without that fold's images."""
    test_fraction: float = Field(default=0.2, ge=0.05, le=0.95)
    """Part of the images set aside as a test set with known answers, rounded to a fraction with a denominator of at
    most 20; only where the data has no `test.json`."""
    repair: tuple[Repair, ...] = ()
    """What may be mended in the data; anything else that is wrong stops the run before training."""
    synthetic: Synthetic = Synthetic()
    """The sample drawn when no data set is given."""


class HorizontalFlip(Settings):
    """Mirrors left and right."""

    type: Literal["horizontal_flip"]
    probability: float = Field(default=0.5, ge=0, le=1)
    """How often it is applied."""


class VerticalFlip(Settings):
    """Mirrors top and bottom."""

    type: Literal["vertical_flip"]
    probability: float = Field(default=0.5, ge=0, le=1)
    """How often it is applied."""


class Resize(Settings):
    """Scales the image to fit `image_size` times a factor drawn from a range."""

    type: Literal["resize"]
    min_factor: float = Field(default=1.0, gt=0, le=4)
    """Smallest factor."""
    max_factor: float = Field(default=1.0, gt=0, le=4)
    """Largest factor."""

    @model_validator(mode="after")
    def _range_is_ordered(self) -> "Resize":
        if self.min_factor > self.max_factor:
            raise ValueError(f"min_factor must not exceed max_factor, but got {self.min_factor} and {self.max_factor}")
        return self


class Colour(Settings):
    """Photometric distortion as in SSD: brightness, contrast, saturation and hue, each half of the time."""

    type: Literal["colour"]
    brightness: int = Field(default=32, ge=0, le=128)
    """Largest shift of the pixel values."""
    contrast: float = Field(default=0.5, ge=0, lt=1)
    """Contrast is drawn from 1 - contrast to 1 + contrast."""
    saturation: float = Field(default=0.5, ge=0, lt=1)
    """Saturation is drawn from 1 - saturation to 1 + saturation."""
    hue: int = Field(default=18, ge=0, le=180)
    """Largest shift of the hue, in degrees."""


Augmentation = Annotated[HorizontalFlip | VerticalFlip | Resize | Colour, Field(discriminator="type")]

DEFAULT_AUGMENTATIONS: tuple[Augmentation, ...] = (
    Resize(type="resize"),
    HorizontalFlip(type="horizontal_flip"),
)


class Optimizer(Settings):
    """The optimiser and its learning rate's course."""

    type: Literal["sgd", "adam", "adamw"] = "sgd"
    """The optimiser of torch.optim."""
    lr: float = Field(default=0.02, gt=0)
    """Learning rate after warm-up."""
    weight_decay: float = Field(default=1e-4, ge=0)
    """Decay of the weights; norm layers and biases are left out."""
    momentum: float = Field(default=0.9, ge=0, lt=1)
    """Momentum of SGD; the other optimisers do not use it."""
    schedule: Literal["step", "cosine", "constant"] = "step"
    """`step`: a tenth after 2/3 and again after 11/12 of the steps; `cosine`: down to a hundredth."""
    warmup_steps: int = Field(default=500, ge=0)
    """Steps over which the learning rate rises linearly; at most a third of all steps."""
    clip_grad_norm: float = Field(default=35.0, gt=0)
    """Gradients longer than this are scaled down."""


class Resources(Settings):
    """What one member occupies while it trains; may change when a run is resumed.

    The number of CPU cores sets that of threads, which the last digits of results depend on.
    """

    num_cpus: float = Field(default=1.0, gt=0)
    """CPU cores."""
    num_gpus: float = Field(default=0.0, ge=0)
    """GPUs; a fraction lets several members share one."""
    memory_gib: float = Field(default=0.0, ge=0)
    """Main memory to reserve; 0 reserves none."""

    @field_validator("num_gpus")
    @classmethod
    def _at_most_one_gpu(cls, num_gpus: float) -> float:
        if num_gpus > 1:
            raise ValueError(f"num_gpus must be between 0 and 1 inclusive, but got num_gpus={num_gpus}")
        return num_gpus


class ModelSettings(Settings):
    """What every family understands."""

    name: str = Field(pattern=NAME_PATTERN, max_length=80)
    """Names the model in tables, files and the ensemble."""
    image_size: int = Field(ge=32, le=4096)
    """The longer side, in pixels, to which images are scaled."""
    epochs: int = Field(ge=1)
    """Passes over the training part of a fold."""
    batch_size: int = Field(ge=1)
    """Images a step."""
    pretrained: str = "imagenet"
    """`imagenet`, `none`, or the path of a state dict."""
    optimizer: Optimizer = Optimizer()
    """The optimiser and its learning rate's course."""
    augmentations: tuple[Augmentation, ...] = DEFAULT_AUGMENTATIONS
    """Applied to training images in this order."""
    validate_every: int = Field(default=5, ge=1)
    """Epochs between two validations; the last epoch is always validated."""
    resources: Resources = Resources()
    """What one member occupies while it trains."""

    @field_validator("name")
    @classmethod
    def _name_is_no_member(cls, name: str) -> str:
        if MEMBER_SEPARATOR in name:
            raise ValueError(f"a model's name must not contain '{MEMBER_SEPARATOR}', but got {name!r}")
        return name

    @field_validator("augmentations")
    @classmethod
    def _one_resize(cls, augmentations: tuple[Augmentation, ...]) -> tuple[Augmentation, ...]:
        resizes = sum(isinstance(augmentation, Resize) for augmentation in augmentations)
        if resizes != 1:
            raise ValueError(f"augmentations must hold exactly one 'resize', but got {resizes}")
        return augmentations


CascadeBackbone = Literal["efficientnet_lite0", "resnet50", "resnet101", "resnext101_32x4d", "resnext101_64x4d"]


class CascadeRCNN(ModelSettings):
    """Cascade R-CNN with a feature pyramid (Cai and Vasconcelos, 2018), from mmdet."""

    family: Literal["cascade_rcnn"]
    backbone: CascadeBackbone = "resnet50"
    """`efficientnet_lite0` is small and its ImageNet weights come with the installation."""
    fpn_channels: int = Field(default=256, ge=16)
    """Channels of the feature pyramid and the region proposal network."""
    head_channels: int = Field(default=1024, ge=16)
    """Width of the fully connected layers of the three box heads."""
    proposals: int = Field(default=1000, ge=10)
    """Regions that go from the proposal network to the box heads."""
    sampled_rois: int = Field(default=512, ge=8)
    """Regions of each image that the box heads are trained on."""


class YOLOv5(ModelSettings):
    """YOLOv5u of ultralytics: YOLOv5's network with the anchor-free head of its successors (AGPL-3.0)."""

    family: Literal["yolov5"]
    size: Literal["tiny", "n", "s", "m", "l", "x"] = "s"
    """`tiny` is the neck and head of `n` on an EfficientNet-Lite0 whose ImageNet weights are installed."""

    @model_validator(mode="after")
    def _pretrained_exists(self) -> "YOLOv5":
        if self.size != "tiny" and self.pretrained == "imagenet":
            raise ValueError(
                f"pretrained must be 'none' or a path, as yolov5 has ImageNet weights only at size 'tiny', "
                f"but got size={self.size!r}"
            )
        return self


Model = Annotated[CascadeRCNN | YOLOv5, Field(discriminator="family")]


class Fusion(Settings):
    """The search of fusion settings on out-of-fold predictions."""

    trials: int = Field(default=40, ge=2)
    """Settings that the study tries."""


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


RECIPES_FOLDER = Path(__file__).parent / "recipes"
