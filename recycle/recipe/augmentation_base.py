"""What the augmentations of a recipe have in common."""

from typing import Self

from pydantic import Field, model_validator

from recycle.recipe.settings import Settings


class Ranged(Settings):
    """Draws from ranges: for each setting `max_x` there may be a `min_x`, which does not exceed it."""

    type: str
    """Names the augmentation."""

    @model_validator(mode="after")
    def _ranges_are_ordered(self) -> Self:
        for largest in type(self).model_fields:
            smallest = largest.replace("max_", "min_", 1)
            low, high = getattr(self, smallest, None), getattr(self, largest)
            if smallest != largest and low is not None and low > high:
                raise ValueError(f"{smallest} must not exceed {largest}, but got {low} and {high}")
        return self


class Sometimes(Ranged):
    """An augmentation that some images are spared."""

    probability: float = Field(default=0.5, ge=0, le=1)
    """How often it is applied."""


class Cutting(Sometimes):
    """An augmentation after which objects may lie partly outside of the image."""

    min_visible: float = Field(default=0.25, ge=0, le=1)
    """Objects of which less than this part remains are dropped: a part of their mask's area, or of their box's where no
    masks are loaded."""
