"""The family that labels pixels, from segmentation_models.pytorch."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from recycle.recipe.losses import Lovasz, UsableLosses
from recycle.recipe.settings import Task
from recycle.recipe.training import ModelSettings

Architecture = Literal[
    "unet",
    "unetplusplus",
    "unet3plus",
    "manet",
    "linknet",
    "fpn",
    "pspnet",
    "deeplabv3",
    "deeplabv3plus",
    "pan",
    "upernet",
    "segformer",
    "dpt",
]

TIMM_ENCODER = "tu-"
"""What the names of encoders begin with that are models of timm."""

PACKAGED_ENCODER = "efficientnet_lite0"
"""The encoder whose ImageNet weights are installed."""

SMALLEST_OF_PAN = 128
"""Pixels; its decoder halves the deepest map three times."""


class SMP(ModelSettings):
    """A network of segmentation_models.pytorch, or UNet 3+ (Huang et al., 2020), which labels every pixel."""

    task: ClassVar[Task] = "segmentation"
    usable_losses: ClassVar[UsableLosses] = UsableLosses(class_weights=True, pixels=True)

    family: Literal["smp"]
    architecture: Architecture = "fpn"
    """The decoder, by smp's names; `unet3plus` is ours, with full-scale skip connections and deep supervision."""
    encoder: str = PACKAGED_ENCODER
    """Any encoder of smp, as `se_resnext101_32x4d`, or `tu-` and a model of timm, as
    `tu-tf_efficientnet_b3.ns_jft_in1k` (noisy student); `efficientnet_lite0`, whose ImageNet weights are installed."""
    label_map_size: int = Field(default=256, ge=32, le=4096)
    """Width and height, in pixels, at which label maps are predicted, fused, scored and submitted; the same for all
    models. Images of other shapes are stretched to it."""

    @model_validator(mode="after")
    def _some_loss_takes_class_weights(self) -> Self:
        for phase in self.in_phases():
            losses = phase.losses
            is_weighed = losses.balance_classes or losses.class_weights
            if is_weighed and losses.pixels and all(isinstance(loss, Lovasz) for loss in losses.pixels):
                raise ValueError(
                    "losses.pixels must hold more than 'lovasz' where classes are weighed: it cannot weigh"
                )
        return self

    @model_validator(mode="after")
    def _dpt_has_a_vision_transformer(self) -> Self:
        if self.architecture == "dpt" and not self.encoder.startswith(TIMM_ENCODER):
            raise ValueError(f"encoder of dpt must be 'tu-' and a vision transformer of timm, but got {self.encoder!r}")
        return self

    @model_validator(mode="after")
    def _image_is_large_enough(self) -> Self:
        if self.architecture == "pan" and self.image_size < SMALLEST_OF_PAN:
            raise ValueError(f"image_size of pan must be at least {SMALLEST_OF_PAN}, but got {self.image_size}")
        return self

    @model_validator(mode="after")
    def _images_are_not_mixed(self) -> Self:
        for phase in self.in_phases():
            if any(augmentation.type == "mixup" for augmentation in phase.augmentations):
                raise ValueError("augmentations must be without 'mixup', as a pixel of two images has no one label")
        return self
