"""What is done to training images."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, field_validator

from recycle.recipe.augmentation_base import Sometimes
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
from recycle.recipe.mixing_augmentations import Mixup, Mosaic
from recycle.recipe.pixel_augmentations import Colour, Pixelwise

Geometric = (
    HorizontalFlip
    | CropNonEmptyMask
    | OpticalDistortion
    | RandomCrop
    | RandomResizedCrop
    | Rotate90
    | ShiftScaleRotate
    | VerticalFlip
)

Choice = Annotated[Geometric | Pixelwise, Field(discriminator="type")]


class OneOf(Sometimes):
    """Applies one of several augmentations, each chosen in proportion to its own `probability`."""

    type: Literal["one_of"]
    choices: tuple[Choice, ...] = Field(min_length=2)
    """The augmentations."""

    @field_validator("choices")
    @classmethod
    def _some_choice_is_probable(cls, choices: tuple[Choice, ...]) -> tuple[Choice, ...]:
        if not any(choice.probability for choice in choices):
            raise ValueError("choices must hold one of a probability above 0, but got only 0")
        return choices


Augmentation = Annotated[Geometric | Resize | Mosaic | Mixup | Colour | OneOf | Pixelwise, Field(discriminator="type")]

DEFAULT_AUGMENTATIONS: tuple[Augmentation, ...] = (
    Resize(type="resize"),
    HorizontalFlip(type="horizontal_flip"),
)


def require_order(augmentations: Sequence[Augmentation]) -> None:
    """Refuses lists that make no sense as a whole.

    Raises:
        ValueError: There is not exactly one `resize`; or one that mixes images is there twice, which would take many
            images for each, or before the `resize` that makes their sizes alike.
    """
    types = [augmentation.type for augmentation in augmentations]
    if types.count("resize") != 1:
        raise ValueError(f"augmentations must hold exactly one 'resize', but got {types.count('resize')}")
    for mixing in ("mosaic", "mixup"):
        if types.count(mixing) > 1:
            raise ValueError(f"augmentations must hold {mixing!r} at most once, but got {types.count(mixing)}")
        if mixing in types[: types.index("resize")]:
            order = " -> ".join(types)
            raise ValueError(f"{mixing!r} must stand behind 'resize', which makes sizes alike, but got {order}")
