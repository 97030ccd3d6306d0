"""How objects of rare classes are pasted into other training images."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from recycle.recipe.settings import Settings

Blending = Literal["none", "gaussian", "seamless"]


def _additions(value: Any) -> Any:  # noqa: ANN401 - what YAML holds
    if value == "median":
        return value
    rule = "Input should be 'median' or a whole number from 1 for each of one or more classes"
    if not isinstance(value, Mapping) or not value:
        raise ValueError(f"{rule}, but got {value!r:.120}")
    for name, number in value.items():
        if not isinstance(name, str):
            raise ValueError(f"the name of a class that looks like a number must be in quotes, but got {name!r:.120}")
        if type(number) is not int or number < 1:
            raise ValueError(f"{rule}, but got {name}={number!r:.120}")
    return value


Additions = Annotated[Literal["median"] | dict[str, Annotated[int, Field(ge=1)]], BeforeValidator(_additions)]


class CopyPaste(Settings):
    """Objects of rare classes, cut out by their masks and pasted into other images of a fold's training part."""

    additions: Additions
    """How many objects are added, by class name; `median` brings every class with fewer objects than the median of all
    classes to that number. A class without a large enough object in the training part is left out."""
    min_scale: float = Field(default=0.7, gt=0, le=4)
    """Smallest factor on an object's width and height; less only where it must shrink to fit the image."""
    max_scale: float = Field(default=1.3, gt=0, le=4)
    """Largest factor on an object's width and height."""
    flip_probability: float = Field(default=0.5, ge=0, le=1)
    """How often an object is mirrored left and right."""
    blending: tuple[Blending, ...] = Field(default=("gaussian",), min_length=1)
    """How an object meets its new ground, drawn for each: `none` copies its pixels, `gaussian` softens its edge,
    `seamless` fits it to the light of the ground (Poisson blending), which fades it too."""
    max_hidden: float = Field(default=0.3, ge=0, lt=1)
    """Largest part of another object's mask that all that is pasted on it may hide."""
    min_area: int = Field(default=100, ge=1)
    """Fewest mask pixels of an object, as annotated and as pasted."""
    masks_from_boxes: Literal["refuse", "grabcut"] = "refuse"
    """What happens where an object has no mask: an error, or a mask that GrabCut guesses from the box. Guesses are kept
    only of objects that are pasted or covered."""

    @model_validator(mode="after")
    def _scales_are_ordered(self) -> "CopyPaste":
        if self.min_scale > self.max_scale:
            raise ValueError(f"min_scale must not exceed max_scale, but got {self.min_scale} and {self.max_scale}")
        return self
