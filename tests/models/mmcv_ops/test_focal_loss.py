import math

import pytest
import torch
from mmcv import ops
from torch import Tensor


def _focal_loss(logits: Tensor, target: Tensor, gamma: float, alpha: float, weight: Tensor | None) -> Tensor:
    """Equation 5 of the paper, element by element."""
    loss = torch.zeros(logits.shape, dtype=torch.float64)
    for row, of_row in enumerate(target.tolist()):
        for label in range(logits.size(1)):
            p = 1 / (1 + math.exp(-logits[row, label].item()))
            p_t, alpha_t = (p, alpha) if label == of_row else (1 - p, 1 - alpha)
            factor = weight[of_row].item() if weight is not None and of_row < logits.size(1) else 1
            loss[row, label] = -factor * alpha_t * (1 - p_t) ** gamma * math.log(p_t)
    return loss


LOGITS = torch.tensor([[0.3, -2.0, 4.0], [-0.1, 0.0, 1.0], [2.5, -3.5, 0.7], [0.1, 0.2, 0.3]], dtype=torch.float64)
# The last row shows none of the three classes.
TARGET = torch.tensor([2, 0, 1, 3])
WEIGHTS = [None, torch.tensor([0.5, 2.0, 3.0], dtype=torch.float64)]


@pytest.mark.parametrize("weight", WEIGHTS)
@pytest.mark.parametrize(("gamma", "alpha"), [(2.0, 0.25), (0.0, 0.5), (0.5, 0.9)])
def test_focal_loss_is_the_papers(gamma: float, alpha: float, weight: Tensor | None) -> None:
    loss = ops.sigmoid_focal_loss(LOGITS, TARGET, gamma, alpha, weight, "none")
    torch.testing.assert_close(loss, _focal_loss(LOGITS, TARGET, gamma, alpha, weight))


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("weight", WEIGHTS)
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_gradient(gamma: float, weight: Tensor | None, reduction: str) -> None:
    assert torch.autograd.gradcheck(
        lambda logits: ops.sigmoid_focal_loss(logits, TARGET, gamma, 0.25, weight, reduction),
        LOGITS.clone().requires_grad_(),
    )


def test_gradient_stays_finite_where_a_logit_is_extreme() -> None:
    logits = torch.tensor([[200.0, -200.0], [-200.0, 200.0]], requires_grad=True)
    loss = ops.sigmoid_focal_loss(logits, torch.tensor([0, 0]), 0.5, 0.25, None, "none")
    loss.sum().backward()
    assert loss.isfinite().all()
    assert logits.grad is not None
    # A confident mistake is pulled back by its full share, a confident hit not at all.
    torch.testing.assert_close(logits.grad, torch.tensor([[0.0, 0.0], [-0.25, 0.75]]))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_rounded_once(dtype: torch.dtype) -> None:
    logits = LOGITS.to(dtype).requires_grad_()
    wide = logits.detach().float().requires_grad_()
    losses = [ops.sigmoid_focal_loss(values, TARGET, 2.0, 0.25, None, "none") for values in (logits, wide)]
    assert torch.equal(losses[0], losses[1].to(dtype))
    for loss in losses:
        loss.sum().backward()
    assert logits.grad is not None
    assert wide.grad is not None
    assert torch.equal(logits.grad, wide.grad.to(dtype))


def test_no_rows_give_no_loss() -> None:
    logits = torch.empty(0, 3, requires_grad=True)
    loss = ops.sigmoid_focal_loss(logits, torch.empty(0, dtype=torch.int64), 2.0, 0.25, None, "sum")
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert logits.grad.shape == (0, 3)
