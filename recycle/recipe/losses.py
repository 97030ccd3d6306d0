"""What a network is trained to make small, and how much each class counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, model_validator

from recycle.recipe.settings import Settings


class CrossEntropy(Settings):
    """Cross-entropy, over all classes in box heads and for each class on its own elsewhere."""

    type: Literal["cross_entropy"]


class SoftCrossEntropy(Settings):
    """Cross-entropy with soft targets, which bears labels that are wrong now and then.

    The target is the label mixed with the network's own prediction ("soft bootstrapping", Reed et al., 2015).
    """

    type: Literal["soft_cross_entropy"]
    trust: float = Field(default=0.95, gt=0, le=1)
    """Part of the label in the target; the rest is the prediction's."""


class LabelSmoothing(Settings):
    """Cross-entropy with a part of the target spread evenly over all classes (Szegedy et al., 2016)."""

    type: Literal["label_smoothing"]
    smoothing: float = Field(default=0.1, ge=0, lt=1)
    """The part that is spread."""


class Focal(Settings):
    """Cross-entropy in which what is already right counts less (Lin et al., 2017)."""

    type: Literal["focal"]
    gamma: float = Field(default=2.0, ge=0, le=10)
    """Each term is multiplied by its error to this power."""


class Weighted(Settings):
    """A loss of pixels that is added to others."""

    weight: float = Field(default=1.0, gt=0, le=1000)
    """Factor on it where several are added."""


class PixelCrossEntropy(Weighted, CrossEntropy):
    """Cross-entropy of each pixel."""


class PixelSoftCrossEntropy(Weighted, SoftCrossEntropy):
    """Cross-entropy whose target is the label mixed with the prediction ("soft bootstrapping", Reed et al., 2015)."""


class PixelLabelSmoothing(Weighted, LabelSmoothing):
    """Cross-entropy with a part of the target spread evenly over all classes: smp's `SoftCrossEntropyLoss`."""


class PixelFocal(Weighted, Focal):
    """Cross-entropy in which pixels that are already right count less (Lin et al., 2017)."""


class Dice(Weighted):
    """1 - Dice coefficient of each class over a batch, mean over classes (Milletari et al., 2016)."""

    type: Literal["dice"]


class Jaccard(Weighted):
    """1 - intersection over union of each class over a batch, mean over classes: close to what is scored."""

    type: Literal["jaccard"]


class Lovasz(Weighted):
    """The Lovász-softmax loss (Berman et al., 2018), a convex stand-in for intersection over union itself."""

    type: Literal["lovasz"]


class Tversky(Weighted):
    """A Dice loss that weighs the two kinds of errors (Salehi et al., 2017)."""

    type: Literal["tversky"]
    false_positives: float = Field(default=0.3, ge=0, le=1)
    """Weight of pixels that are given a class wrongly."""
    false_negatives: float = Field(default=0.7, ge=0, le=1)
    """Weight of pixels of a class that are missed."""


PixelwiseLoss = PixelCrossEntropy | PixelSoftCrossEntropy | PixelLabelSmoothing | PixelFocal
"""Means over pixels."""

PixelLoss = Annotated[PixelwiseLoss | Dice | Jaccard | Lovasz | Tversky, Field(discriminator="type")]


ClassificationLoss = Annotated[CrossEntropy | SoftCrossEntropy | LabelSmoothing | Focal, Field(discriminator="type")]
ClassificationLossName = Literal["cross_entropy", "soft_cross_entropy", "label_smoothing", "focal"]
BoxLoss = Literal["smooth_l1", "l1", "giou", "ciou"]
ClassWeight = Annotated[float, Field(gt=0, le=1000)]


class Losses(Settings):
    """The losses of a network; what is not given is the family's own."""

    classification: tuple[ClassificationLoss, ...] = ()
    """One loss for all box heads, or one for each stage of a cascade."""
    box: BoxLoss | None = None
    """What measures how far boxes are off."""
    pixels: tuple[PixelLoss, ...] = ()
    """Losses of labelled pixels, whose sum is made small: what segmentation networks have instead of the two above."""
    balance_classes: bool = False
    """Weighs classes by the effective number of their training objects (Cui et al., 2019), so that rare ones count."""
    class_weights: Mapping[str, ClassWeight] = {}
    """Weights by class name, instead; the others have weight 1."""

    @model_validator(mode="after")
    def _one_way_of_weighing(self) -> "Losses":
        if self.balance_classes and self.class_weights:
            raise ValueError(f"class_weights must not stand beside balance_classes, but got {dict(self.class_weights)}")
        return self


@dataclass(frozen=True)
class UsableLosses:
    """The losses that a family can be told to use, besides its own.

    Attributes:
        classification: Names of classification losses.
        box: Names of box losses.
        class_weights: Whether classes can be weighed.
        pixels: Whether the network labels pixels.
    """

    classification: tuple[ClassificationLossName, ...] = ()
    box: tuple[BoxLoss, ...] = ()
    class_weights: bool = False
    pixels: bool = False


BOX_HEAD_LOSSES = UsableLosses(
    ("cross_entropy", "soft_cross_entropy", "label_smoothing", "focal"), ("smooth_l1", "l1", "giou", "ciou"), True
)
"""Of detectors with heads for proposed regions."""

DENSE_HEAD_LOSSES = UsableLosses(("focal",), ("giou", "ciou"), True)
"""Of detectors that judge every place or query, most of which see background: only a focal loss can bear that."""


def require_usable(losses: Losses, usable: UsableLosses, family: str, box_heads: int) -> None:
    """Refuses losses that a family cannot use.

    Args:
        losses: The losses of a recipe.
        usable: What the family can use.
        family: Its name.
        box_heads: Number of box heads of the network.

    Raises:
        ValueError: Names the loss and what the family can use.
    """
    for loss in losses.classification:
        _require_one_of(loss.type, usable.classification, "losses.classification", family)
    if losses.box:
        _require_one_of(losses.box, usable.box, "losses.box", family)
    if losses.pixels and not usable.pixels:
        raise ValueError(f"losses.pixels cannot be set, as family {family!r} finds boxes, but got {losses.pixels[0]}")
    if len(losses.classification) not in (0, 1, box_heads):
        allowed = "one loss" if box_heads == 1 else f"one loss or one for each of the {box_heads} box heads"
        raise ValueError(f"losses.classification must hold {allowed}, but got {len(losses.classification)}")
    if (losses.balance_classes or losses.class_weights) and not usable.class_weights:
        key = "balance_classes" if losses.balance_classes else "class_weights"
        raise ValueError(f"losses.{key} cannot be used, as the loss of family {family!r} takes no class weights")


def _require_one_of(loss: str, usable: tuple[str, ...], key: str, family: str) -> None:
    if not usable:
        raise ValueError(f"{key} cannot be set, as family {family!r} has only its own, but got {loss!r}")
    if loss not in usable:
        raise ValueError(f"{key} of family {family!r} must be one of {', '.join(usable)}, but got {loss!r}")
