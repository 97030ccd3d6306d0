"""How a model is trained, whatever its family."""

from typing import Literal

from pydantic import Field, field_validator

from recycle.recipe.augmentations import DEFAULT_AUGMENTATIONS, Augmentation, Resize
from recycle.recipe.settings import MEMBER_SEPARATOR, NAME_PATTERN, Settings


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
