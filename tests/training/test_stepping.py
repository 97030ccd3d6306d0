"""Accumulated gradients, clipping and precision."""

from typing import Any

import pytest
import torch
from torch import nn

from recycle.training.stepping import Stepping, resolve_precision

BATCHES = torch.randn(7, 4, 3, generator=torch.Generator().manual_seed(0))


def stepping(model: nn.Module, **settings: Any) -> Stepping:
    defaults = {"precision": "fp32", "accumulate": 1, "batches_an_epoch": 7, "clip_grad_norm": 1e9}
    return Stepping(torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9), **{**defaults, **settings})


def linear() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(3, 1)


def loss_of(model: nn.Module, batch: torch.Tensor) -> torch.Tensor:
    loss: torch.Tensor = (model(batch) ** 2).mean()
    return loss


def train(model: nn.Linear, wrapper: Stepping, batches: torch.Tensor) -> list[int]:
    """Numbers of the batches, from 1, after which the weights had moved."""
    moved = []
    for number, batch in enumerate(batches, start=1):
        before = model.weight.detach().clone()
        wrapper.update_params(loss_of(model, batch))
        if not torch.equal(before, model.weight):
            moved.append(number)
    return moved


@pytest.mark.parametrize("accumulate", [2, 3, 7])
def test_accumulated_batches_are_one_large_batch(accumulate: int) -> None:
    small, large = linear(), linear()
    wrapper = stepping(small, accumulate=accumulate)
    wrapper.initialize_count_status(small, 0, 7)
    train(small, wrapper, BATCHES)
    whole = stepping(large)
    for part in torch.split(BATCHES, accumulate):
        whole.update_params(loss_of(large, part.flatten(0, 1)))
    torch.testing.assert_close(small.weight, large.weight)


def test_no_gradient_is_left_over_at_the_end_of_an_epoch() -> None:
    model = linear()
    wrapper = stepping(model, accumulate=3)
    wrapper.initialize_count_status(model, 0, 14)
    assert train(model, wrapper, torch.cat([BATCHES, BATCHES])) == [3, 6, 7, 10, 13, 14]


def test_a_training_taken_up_after_an_epoch_goes_on_as_if_undisturbed() -> None:
    whole, parted = linear(), linear()
    wrapper = stepping(whole, accumulate=3)
    wrapper.initialize_count_status(whole, 0, 14)
    train(whole, wrapper, torch.cat([BATCHES, BATCHES]))
    first = stepping(parted, accumulate=3)
    first.initialize_count_status(parted, 0, 14)
    train(parted, first, BATCHES)
    second = stepping(parted, accumulate=3)
    second.load_state_dict(first.state_dict())
    second.initialize_count_status(parted, 7, 14)
    train(parted, second, BATCHES)
    assert torch.equal(whole.weight, parted.weight)


def test_gradients_are_clipped_after_they_are_gathered() -> None:
    model = nn.Linear(2, 1)
    wrapper = stepping(model, clip_grad_norm=0.5, accumulate=2, batches_an_epoch=2)
    before = torch.cat([parameter.detach().flatten() for parameter in model.parameters()])
    for _ in range(2):
        wrapper.update_params(1000 * model(torch.tensor([[3.0, 4.0]])).sum())
    moved = torch.cat([parameter.detach().flatten() for parameter in model.parameters()]) - before
    assert float(moved.norm()) == pytest.approx(0.1 * 0.5, rel=1e-4)


@pytest.mark.parametrize(("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_forward_passes_are_in_the_precision_asked_for(precision: str, dtype: torch.dtype) -> None:
    model = linear()
    wrapper = stepping(model, precision=precision)
    with wrapper.optim_context(model):
        output = model(BATCHES[0])
    assert output.dtype == dtype
    assert model.weight.dtype == torch.float32


@pytest.mark.parametrize(
    ("precision", "has_gpu", "has_bf16", "expected"),
    [
        ("auto", False, False, "fp32"),
        ("auto", True, True, "bf16"),
        ("auto", True, False, "fp16"),
        ("fp32", True, True, "fp32"),
        ("bf16", False, False, "bf16"),
        ("fp16", True, True, "fp16"),
    ],
)
def test_automatic_precision_depends_on_the_machine(
    monkeypatch: pytest.MonkeyPatch, precision: str, has_gpu: bool, has_bf16: bool, expected: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_gpu)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_bf16)
    assert resolve_precision(precision) == expected
