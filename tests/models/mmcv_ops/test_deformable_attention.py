import numpy as np
import pytest
import torch
from mmcv.ops.multi_scale_deform_attn import MultiScaleDeformableAttnFunction
from torch import Tensor

from tests.models.mmcv_ops.sampling import sample_with_zeros

SHAPES = torch.tensor([[4, 5], [2, 3]])
STARTS = torch.tensor([0, 20])
BATCH, QUERIES, HEADS, POINTS, CHANNELS = 2, 3, 2, 2, 4


def _tensors(queries: int = QUERIES, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    """Values, locations (some outside 0..1) and attention weights."""
    generator = torch.Generator().manual_seed(0)
    value = torch.randn(BATCH, 26, HEADS, CHANNELS, generator=generator, dtype=torch.float64)
    points = (BATCH, queries, HEADS, len(SHAPES), POINTS)
    locations = torch.rand(*points, 2, generator=generator, dtype=torch.float64) * 1.4 - 0.2
    weights = torch.rand(points, generator=generator, dtype=torch.float64)
    value, locations, weights = (tensor.to(dtype).requires_grad_() for tensor in (value, locations, weights))
    return value, locations, weights


def _attend(value: Tensor, locations: Tensor, weights: Tensor) -> Tensor:
    """What mmcv's layer calls on a GPU; the operator itself asks for none."""
    output: Tensor = MultiScaleDeformableAttnFunction.apply(value, SHAPES, STARTS, locations, weights, 64)
    return output


def _reference(value: Tensor, locations: Tensor, weights: Tensor) -> Tensor:
    values, places, shares = (tensor.detach().numpy() for tensor in (value, locations, weights))
    output = np.zeros((BATCH, QUERIES, HEADS, CHANNELS))
    for image, query, head, level, point in np.ndindex(shares.shape):
        (height, width), start = SHAPES[level].tolist(), int(STARTS[level])
        cells = values[image, start : start + height * width, head].T.reshape(CHANNELS, height, width)
        x, y = places[image, query, head, level, point]
        sample = sample_with_zeros(cells, y * height - 0.5, x * width - 0.5)
        output[image, query, head] += shares[image, query, head, level, point] * sample
    return torch.tensor(output).flatten(2)


def test_each_query_is_the_weighted_sum_of_its_samples() -> None:
    torch.testing.assert_close(_attend(*_tensors()), _reference(*_tensors()))


def test_gradient() -> None:
    assert torch.autograd.gradcheck(_attend, _tensors(), fast_mode=True)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_rounded_once(dtype: torch.dtype) -> None:
    half = _tensors(dtype=dtype)
    wide = [tensor.detach().float().requires_grad_() for tensor in half]
    outputs = [_attend(*half), _attend(*wide)]
    assert torch.equal(outputs[0], outputs[1].to(dtype))
    for output in outputs:
        torch.autograd.backward(output.sum())
    for tensor, expected in zip(half, wide, strict=True):
        assert tensor.grad is not None
        assert expected.grad is not None
        assert torch.equal(tensor.grad, expected.grad.to(dtype))


def test_no_queries_give_no_output() -> None:
    value, locations, weights = _tensors(queries=0)
    output = _attend(value, locations, weights)
    assert output.shape == (BATCH, 0, HEADS * CHANNELS)
    torch.autograd.backward(output.sum())
    assert value.grad is not None
    assert not value.grad.any()
