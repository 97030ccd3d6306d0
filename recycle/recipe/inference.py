"""How a trained member looks at an image: once, or several times (test-time augmentation)."""

from itertools import product
from typing import Annotated, Literal

from pydantic import Field, model_validator

from recycle.recipe.settings import Settings

Scale = Annotated[float, Field(gt=0, le=4)]
Flip = Literal["none", "horizontal", "vertical", "both"]


class View(Settings):
    """One look at an image."""

    scale: Scale = 1.0
    """Factor on `image_size`."""
    flip: Flip = "none"
    """How the image is mirrored; its boxes are mirrored back."""


class TTA(Settings):
    """Test-time augmentation: a member predicts several views of each image, whose boxes are then merged.

    By default there is one view, the image as it is. The views are either every scale with every flip, or those listed.
    """

    scales: tuple[Scale, ...] = Field(default=(1.0,), min_length=1)
    """Factors on `image_size`."""
    flips: tuple[Flip, ...] = Field(default=("none",), min_length=1)
    """Every scale is taken with each of these."""
    views: tuple[View, ...] = ()
    """The views one by one, instead of `scales` and `flips`."""
    merge: Literal["wbf", "nms"] = "wbf"
    """How the boxes of several views become one set: weighted boxes fusion or non-maximum suppression."""
    iou_thr: float = Field(default=0.55, ge=0, le=1)
    """Boxes of one class from several views that overlap by more than this become one."""

    def all_views(self) -> tuple[View, ...]:
        """The views in their order, at least one."""
        return self.views or tuple(View(scale=scale, flip=flip) for scale, flip in product(self.scales, self.flips))

    @model_validator(mode="after")
    def _one_way_of_saying_it(self) -> "TTA":
        if self.views and (self.scales, self.flips) != ((1.0,), ("none",)):
            raise ValueError(f"views must not stand beside scales or flips, but got {self.scales} and {self.flips}")
        return self

    @model_validator(mode="after")
    def _views_differ(self) -> "TTA":
        views = self.all_views()
        repeated = [view for view in views if views.count(view) > 1]
        if repeated:
            raise ValueError(f"views must differ, but scale={repeated[0].scale}, flip={repeated[0].flip!r} is repeated")
        return self
