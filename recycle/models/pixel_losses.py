"""Losses of labelled pixels, as recipes name and add them; pixels that are ignored count in none of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from recycle.models.losses import SoftmaxLoss
from recycle.predictions.probabilities import IGNORED
from recycle.recipe.losses import (
    Dice,
    Jaccard,
    Lovasz,
    PixelFocal,
    PixelLabelSmoothing,
    PixelLoss,
    PixelSoftCrossEntropy,
    PixelwiseLoss,
    Tversky,
)

MULTICLASS = "multiclass"

LossFunction = Callable[[Tensor, Tensor], Tensor]
"""Of logits (B, C, H, W) and labels (B, H, W), int64."""


class PixelLosses(nn.Module):
    """A weighted sum of losses.

    Args:
        losses: The recipe's losses, by `model_dump`.
        class_weights: How much each class counts, the background first; all alike if None. The Lovász loss takes none.
    """

    def __init__(self, losses: Sequence[PixelLoss], class_weights: Sequence[float] | None = None) -> None:
        super().__init__()
        self._terms: Mapping[str, tuple[float, LossFunction]] = {
            f"loss_{position}_{loss.type}": (loss.weight, _function(loss, class_weights))
            for position, loss in enumerate(losses)
        }

    def forward(self, logits: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Gives each term of the sum, weighted; all 0 where no pixel is labelled.

        Args:
            logits: (B, C, H, W).
            labels: (B, H, W), integers from 0 to C - 1, or `IGNORED`.
        """
        logits, labels = logits.float(), labels.long()
        if bool((labels == IGNORED).all()):
            return {name: logits.sum() * 0 for name in self._terms}
        return {name: weight * function(logits, labels) for name, (weight, function) in self._terms.items()}


def _function(loss: PixelLoss, class_weights: Sequence[float] | None) -> LossFunction:
    if isinstance(loss, PixelwiseLoss):
        return _pixelwise(loss, class_weights)
    import segmentation_models_pytorch.losses as smp  # noqa: PLC0415 - takes seconds to import

    shared: dict[str, Any] = {"mode": MULTICLASS, "ignore_index": IGNORED}
    function: LossFunction
    if isinstance(loss, Lovasz):
        function = smp.LovaszLoss(**shared)
        return function
    shared["class_weights"] = None if class_weights is None else list(class_weights)
    if isinstance(loss, Tversky):
        function = smp.TverskyLoss(**shared, alpha=loss.false_positives, beta=loss.false_negatives)
    else:
        kinds: dict[type[Dice] | type[Jaccard], Any] = {Dice: smp.DiceLoss, Jaccard: smp.JaccardLoss}
        function = kinds[type(loss)](**shared)
    return function


def _pixelwise(loss: PixelwiseLoss, class_weights: Sequence[float] | None) -> LossFunction:
    """The mean over labelled pixels of the loss that box heads have of their boxes."""
    softmax = SoftmaxLoss(
        trust=loss.trust if isinstance(loss, PixelSoftCrossEntropy) else 1.0,
        smoothing=loss.smoothing if isinstance(loss, PixelLabelSmoothing) else 0.0,
        gamma=loss.gamma if isinstance(loss, PixelFocal) else 0.0,
        class_weights=class_weights,
    )

    def function(logits: Tensor, labels: Tensor) -> Tensor:
        labelled = labels != IGNORED
        result: Tensor = softmax(torch.movedim(logits, 1, -1)[labelled], labels[labelled])
        return result

    return function
