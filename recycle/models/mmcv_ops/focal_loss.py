"""`sigmoid_focal_loss_forward` and `..._backward`, with the signatures of mmcv's extension."""

import torch
from torch import Tensor
from torch.nn import functional

from recycle.models.mmcv_ops.precision import at_least_float32


def sigmoid_focal_loss_forward(
    input: Tensor, target: Tensor, weight: Tensor, output: Tensor, *, gamma: float, alpha: float
) -> None:
    """Focal loss (Lin et al., 2017) of each class as a yes-or-no question.

    Args:
        input: (n, c) logits.
        target: (n,) int64 class in 0..c-1, or c for none of them.
        weight: (c,) factor of the rows of each target class, or empty; rows of no class have factor 1.
        output: (n, c), written in place.
        gamma: How much the well classified count less.
        alpha: Share of the positives; the negatives have 1 - alpha.
    """
    logits = at_least_float32(input)
    positive = -alpha * (-logits).sigmoid() ** gamma * functional.logsigmoid(logits)
    negative = (alpha - 1) * logits.sigmoid() ** gamma * functional.logsigmoid(-logits)
    loss = torch.where(_is_target(logits, target), positive, negative)
    output.copy_(loss * _row_weights(weight, target))


def sigmoid_focal_loss_backward(
    input: Tensor, target: Tensor, weight: Tensor, grad_input: Tensor, *, gamma: float, alpha: float
) -> None:
    """Write the derivative of each element of `sigmoid_focal_loss_forward` by its logit to `grad_input`."""
    logits = at_least_float32(input)
    p, q = logits.sigmoid(), (-logits).sigmoid()
    positive = -alpha * q**gamma * (q - gamma * p * functional.logsigmoid(logits))
    negative = (1 - alpha) * p**gamma * (p - gamma * q * functional.logsigmoid(-logits))
    gradient = torch.where(_is_target(logits, target), positive, negative)
    grad_input.copy_(gradient * _row_weights(weight, target))


def _is_target(logits: Tensor, target: Tensor) -> Tensor:
    """(n, c) bool: whether this is the row's class."""
    return target[:, None] == torch.arange(logits.size(1), device=target.device)


def _row_weights(weight: Tensor, target: Tensor) -> Tensor:
    """(n, 1) factors; mmcv's own kernel reads beyond the weights for a row of no class."""
    if not weight.numel():
        return torch.ones((), device=weight.device)
    weight = at_least_float32(weight)
    return torch.cat([weight, weight.new_ones(1)])[target][:, None]
