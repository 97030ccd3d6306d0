"""How the weights move: the optimiser, the course of its learning rate, and averages of the weights."""

from typing import Annotated, Literal

from pydantic import Field

from recycle.recipe.settings import Settings


class Optimizer(Settings):
    """The optimiser and its learning rate's course."""

    type: Literal["sgd", "adam", "adamw", "adamp"] = "sgd"
    """SGD, Adam or AdamW of PyTorch, or AdamP of timm (Heo et al., 2021)."""
    lookahead: bool = False
    """Puts it inside Lookahead (Zhang et al., 2019): every fifth step goes only half of the way of five steps."""
    lr: float = Field(default=0.02, gt=0)
    """Learning rate after warm-up."""
    backbone_lr: float = Field(default=1.0, ge=0, le=10)
    """Factor on the learning rate of the backbone."""
    layer_decay: float = Field(default=1.0, gt=0, le=1)
    """Factor on the learning rate from each block of a transformer to the one before it."""
    weight_decay: float = Field(default=1e-4, ge=0)
    """Decay of the weights; norm layers and biases are left out."""
    momentum: float = Field(default=0.9, ge=0, lt=1)
    """Momentum of SGD; the other optimisers do not use it."""
    schedule: Literal["step", "cosine", "one_cycle", "constant"] = "step"
    """`step`: a tenth after 2/3 and again after 11/12 of the steps; `cosine`: down to a hundredth; `one_cycle`: up from
    a 25th over 30 % of the steps, then down to almost nothing (Smith and Topin, 2018)."""
    warmup_steps: int = Field(default=500, ge=0)
    """Steps over which the learning rate rises linearly; at most a third of all steps. `one_cycle` has its own."""
    clip_grad_norm: float = Field(default=35.0, gt=0)
    """Gradients longer than this are scaled down."""


class EMA(Settings):
    """The exponential moving average of the weights, which is what predicts."""

    type: Literal["ema"]
    decay: float = Field(default=0.9998, gt=0, lt=1)
    """Part of the average that stays at each step."""
    warmup_steps: int = Field(default=2000, ge=1)
    """The decay rises from nothing as 1 - exp(-steps / warmup_steps)."""


class SWA(Settings):
    """The mean of the weights after each of the last epochs (Izmailov et al., 2018), which is what predicts.

    Statistics of batch norm are then estimated anew on the training images.
    """

    type: Literal["swa"]
    start: float = Field(default=0.75, ge=0, lt=1)
    """Part of the epochs before the first that is averaged."""


Averaging = Annotated[EMA | SWA, Field(discriminator="type")]


class MultiScale(Settings):
    """A side drawn anew for each batch, a multiple of 32, to which its images are scaled after all augmentations."""

    min: float = Field(default=0.5, gt=0, le=4)
    """Smallest side, as a factor on `image_size`."""
    max: float = Field(default=1.5, gt=0, le=4)
    """Largest side, as a factor on `image_size`."""

    def sides(self, image_size: int) -> tuple[int, ...]:
        """The sides that may be drawn, ascending, in pixels."""
        first = -(-int(image_size * self.min) // SIDE_STEP) * SIDE_STEP
        return tuple(range(max(first, SIDE_STEP), int(image_size * self.max) + 1, SIDE_STEP))


SIDE_STEP = 32
"""The coarsest stride of the detectors."""
