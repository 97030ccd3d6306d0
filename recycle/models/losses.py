"""Classification losses as the heads of every family call them, and how a recipe's losses reach a configuration."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - PyTorch's own name for it
from mmdet.models.losses.utils import weight_reduce_loss
from mmdet.registry import MODELS
from mmengine.config import ConfigDict
from torch import Tensor, nn

from recycle.recipe import Focal, LabelSmoothing, Losses, SoftCrossEntropy
from recycle.recipe.losses import BoxLoss, ClassificationLoss

FOCAL_ALPHA = 0.25
"""Weight of objects against that of background where each class is told apart on its own; the paper's."""

SMALLEST_ERROR = 1e-8
"""Below it the power of a focal loss has no finite gradient."""

OVERLAP_LOSSES = {"giou": "GIoULoss", "ciou": "CIoULoss"}

BOX_LOSS_CONFIGS: dict[BoxLoss, dict[str, Any]] = {
    "smooth_l1": {"type": "SmoothL1Loss", "beta": 1.0, "loss_weight": 1.0},
    "l1": {"type": "L1Loss", "loss_weight": 1.0},
    "giou": {"type": "GIoULoss", "loss_weight": 10.0},
    "ciou": {"type": "CIoULoss", "loss_weight": 12.0},
}
"""With the weights of mmdet's own configurations of Faster R-CNN."""


@MODELS.register_module()
class SoftmaxLoss(nn.Module):
    """The classification loss of box heads, where all classes and the background share a softmax p.

    For a target q it is -sum over classes c of w_c q_c (1 - p_c)^gamma log p_c.

    Args:
        trust: Part of the label in the target; the rest is p (soft bootstrapping, Reed et al., 2015).
        smoothing: Part of the target that is spread evenly over all classes (Szegedy et al., 2016).
        gamma: Power of the error (Lin et al., 2017).
        class_weights: w, the background's last; all 1 if None.
        loss_weight: Factor on the whole.
    """

    use_sigmoid = False

    def __init__(
        self,
        trust: float = 1.0,
        smoothing: float = 0.0,
        gamma: float = 0.0,
        class_weights: Sequence[float] | None = None,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        self._trust, self._smoothing, self._gamma = trust, smoothing, gamma
        self._class_weights, self._loss_weight = class_weights, loss_weight

    def forward(
        self,
        scores: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        avg_factor: float | None = None,
        reduction_override: str | None = None,
    ) -> Tensor:
        """Computes the loss.

        Args:
            scores: Logits (N, C), the background's last.
            target: Labels (N,), or probabilities (N, C).
            weight: Weight (N,) of each sample.
            avg_factor: What the sum is divided by; the number of samples if None.
            reduction_override: "none", "mean" or "sum"; "mean" if None.
        """
        losses = self._of_samples(scores.float(), target)
        reduced: Tensor = weight_reduce_loss(losses, weight, reduction_override or "mean", avg_factor)
        return self._loss_weight * reduced

    def _of_samples(self, scores: Tensor, target: Tensor) -> Tensor:
        logs = scores.log_softmax(dim=1)
        terms = logs * self._targets(logs, target)
        if self._gamma:
            terms = terms * (-torch.expm1(logs)).clamp_min(SMALLEST_ERROR) ** self._gamma
        if self._class_weights is not None:
            terms = terms * terms.new_tensor(self._class_weights)
        return -terms.sum(dim=1)

    def _targets(self, logs: Tensor, target: Tensor) -> Tensor:
        count = logs.shape[1]
        wanted = (F.one_hot(target, count) if target.dim() == 1 else target).to(logs.dtype)
        wanted = (1 - self._smoothing) * wanted + self._smoothing / count
        return self._trust * wanted + (1 - self._trust) * logs.exp() if self._trust < 1 else wanted


@MODELS.register_module()
class SigmoidLoss(nn.Module):
    """Binary cross-entropy of each class on its own, focal if told so: the classification loss of the YOLO families.

    Args:
        gamma: Power of the error (Lin et al., 2017).
        alpha: Weight of objects, 1 - alpha being that of background; both count alike if None.
        class_weights: Factors on the terms of objects, one a class; all 1 if None.
    """

    use_sigmoid = True

    def __init__(
        self, gamma: float = 0.0, alpha: float | None = None, class_weights: Sequence[float] | None = None
    ) -> None:
        super().__init__()
        self._gamma, self._alpha, self._class_weights = gamma, alpha, class_weights

    def forward(self, scores: Tensor, target: Tensor) -> Tensor:
        """Computes the loss of each element from logits (..., C) and targets (..., C) in 0..1."""
        weights = None if self._class_weights is None else scores.new_tensor(self._class_weights)
        losses = F.binary_cross_entropy_with_logits(scores, target, pos_weight=weights, reduction="none")
        if self._gamma:
            probabilities = scores.sigmoid()
            error = (1 - probabilities) * target + probabilities * (1 - target)
            losses = losses * error.clamp_min(SMALLEST_ERROR) ** self._gamma
        if self._alpha is not None:
            losses = losses * (self._alpha * target + (1 - self._alpha) * (1 - target))
        return losses


@MODELS.register_module()
class DenseHeadLoss(SigmoidLoss):
    """`SigmoidLoss` as mmdet's heads without proposals call it.

    Args:
        loss_weight: Factor on the whole.
        use_sigmoid: Always true; mmdet's heads read it from the configuration.
        **settings: Settings of `SigmoidLoss`.
    """

    def __init__(self, loss_weight: float = 1.0, *, use_sigmoid: bool = True, **settings: Any) -> None:  # noqa: ANN401
        assert use_sigmoid
        super().__init__(**settings)
        self._loss_weight = loss_weight

    def forward(
        self,
        scores: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        avg_factor: float | None = None,
        reduction_override: str | None = None,
    ) -> Tensor:
        """Computes the loss from logits (N, C) and labels (N,), where label C is the background."""
        classes = scores.shape[1]
        wanted = F.one_hot(target, classes + 1)[:, :classes].to(torch.float32)
        weights = None if weight is None else weight.float().unsqueeze(1)
        losses = super().forward(scores.float(), wanted)
        reduced: Tensor = weight_reduce_loss(losses, weights, reduction_override or "mean", avg_factor)
        return self._loss_weight * reduced


def apply_losses(config: ConfigDict, losses: Losses, class_weights: Sequence[float] | None = None) -> None:
    """Sets the losses of a configuration; what the recipe leaves open stays as the family has it.

    Args:
        config: The configuration of a detector of any family, changed in place.
        losses: The recipe's losses, which the family can use.
        class_weights: One weight a class; all 1 if None.
    """
    if "roi_head" in config:
        heads = config.roi_head.bbox_head
        heads = heads if isinstance(heads, list) else [heads]
        for position, head in enumerate(heads):
            _apply_to_box_head(head, _loss_of_head(losses, position), losses.box, class_weights)
    elif "bbox_head" in config:
        _apply_to_dense_head(config.bbox_head, _loss_of_head(losses, 0), losses.box, class_weights)
    elif losses.classification or class_weights:
        config.loss_cls = {"type": "SigmoidLoss", **_sigmoid(_loss_of_head(losses, 0), class_weights)}


def _loss_of_head(losses: Losses, position: int) -> ClassificationLoss | None:
    given = losses.classification
    return given[position if len(given) > 1 else 0] if given else None


def _apply_to_box_head(
    head: ConfigDict, loss: ClassificationLoss | None, box: BoxLoss | None, class_weights: Sequence[float] | None
) -> None:
    if loss or class_weights:
        weights = [*class_weights, 1.0] if class_weights else None
        factor = head.loss_cls.get("loss_weight", 1.0)
        head.loss_cls = {"type": "SoftmaxLoss", "class_weights": weights, "loss_weight": factor, **_softmax(loss)}
    if box:
        head.loss_bbox = BOX_LOSS_CONFIGS[box]
        head.reg_decoded_bbox = box in OVERLAP_LOSSES  # overlap is that of boxes, not of their offsets from proposals


def _softmax(loss: ClassificationLoss | None) -> dict[str, float]:
    if isinstance(loss, SoftCrossEntropy):
        return {"trust": loss.trust}
    if isinstance(loss, LabelSmoothing):
        return {"smoothing": loss.smoothing}
    return {"gamma": loss.gamma} if isinstance(loss, Focal) else {}


def _apply_to_dense_head(
    head: ConfigDict, loss: ClassificationLoss | None, box: BoxLoss | None, class_weights: Sequence[float] | None
) -> None:
    if loss or class_weights:
        settings = _sigmoid(loss or Focal(type="focal"), class_weights)
        factor = head.loss_cls.get("loss_weight", 1.0)
        head.loss_cls = {"type": "DenseHeadLoss", "use_sigmoid": True, "loss_weight": factor, **settings}
    if box:
        key = "loss_iou" if "loss_iou" in head else "loss_bbox"
        head[key] = {"type": OVERLAP_LOSSES[box], "loss_weight": head[key].loss_weight}


def _sigmoid(loss: ClassificationLoss | None, class_weights: Sequence[float] | None) -> dict[str, Any]:
    focal = {"gamma": loss.gamma, "alpha": FOCAL_ALPHA} if isinstance(loss, Focal) else {}
    return {"class_weights": list(class_weights) if class_weights else None, **focal}
