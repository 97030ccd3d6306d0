from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import pytest
import torch
from mmcv import ops
from torch import Tensor

from tests.models.mmcv_ops.sampling import Array, sample_with_zeros

CHANNELS, KERNEL = 4, (3, 2)


@dataclass(frozen=True)
class Geometry:
    """The arguments of mmcv's functions after the tensors, in their order."""

    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    deform_groups: int = 1

    def output_size(self, size: tuple[int, int]) -> tuple[int, int]:
        height, width = (
            (length + 2 * pad - dilation * (kernel - 1) - 1) // stride + 1
            for length, pad, dilation, kernel, stride in zip(
                size, self.padding, self.dilation, KERNEL, self.stride, strict=True
            )
        )
        return height, width


GEOMETRIES = [
    Geometry(),
    Geometry(stride=(2, 1), padding=(0, 2)),
    Geometry(dilation=(1, 2), padding=(2, 0)),
    Geometry(groups=2),
    Geometry(deform_groups=2),
    Geometry(stride=(1, 2), groups=2, deform_groups=4),
]


@dataclass(frozen=True)
class Operands:
    features: Tensor
    offset: Tensor
    mask: Tensor
    weight: Tensor
    bias: Tensor


Convolution = Callable[[Operands, Geometry], Tensor]


def _operands(geometry: Geometry, batch: int = 2, dtype: torch.dtype = torch.float64) -> Operands:
    """Offsets reach beyond the image on all sides."""
    generator = torch.Generator().manual_seed(0)
    height, width = geometry.output_size((5, 6))
    samples = geometry.deform_groups * KERNEL[0] * KERNEL[1]
    shapes = {
        "features": (batch, CHANNELS, 5, 6),
        "offset": (batch, 2 * samples, height, width),
        "mask": (batch, samples, height, width),
        "weight": (6, CHANNELS // geometry.groups, *KERNEL),
        "bias": (6,),
    }
    drawn = {name: torch.randn(shape, dtype=torch.float64, generator=generator) for name, shape in shapes.items()}
    drawn["offset"] *= 2
    return Operands(**{name: tensor.to(dtype).requires_grad_() for name, tensor in drawn.items()})


def _columns(operands: Operands, geometry: Geometry, image: int, at: tuple[int, int], *, modulated: bool) -> Array:
    """What the kernel sees for one output cell: (channels, *KERNEL)."""
    features, offset, mask = (t.detach().numpy()[image] for t in (operands.features, operands.offset, operands.mask))
    seen = np.zeros((CHANNELS, *KERNEL))
    share = CHANNELS // geometry.deform_groups
    for group, i, j in np.ndindex(geometry.deform_groups, *KERNEL):
        sample = (group * KERNEL[0] + i) * KERNEL[1] + j
        y = at[0] * geometry.stride[0] - geometry.padding[0] + i * geometry.dilation[0] + offset[2 * sample][at]
        x = at[1] * geometry.stride[1] - geometry.padding[1] + j * geometry.dilation[1] + offset[2 * sample + 1][at]
        channels = slice(group * share, (group + 1) * share)
        seen[channels, i, j] = sample_with_zeros(features[channels], y, x) * (mask[sample][at] if modulated else 1)
    return seen


def _convolve(operands: Operands, geometry: Geometry, *, modulated: bool) -> Tensor:
    weight = operands.weight.detach().numpy()
    batch, size = operands.features.size(0), geometry.output_size((5, 6))
    output = np.zeros((batch, len(weight), *size))
    inputs, outputs = CHANNELS // geometry.groups, len(weight) // geometry.groups
    for image, row, column in np.ndindex(batch, *size):
        seen = _columns(operands, geometry, image, (row, column), modulated=modulated)
        for channel, kernel in enumerate(weight):
            first = channel // outputs * inputs
            output[image, channel, row, column] = (seen[first : first + inputs] * kernel).sum()
    return torch.tensor(output)


def _plain(operands: Operands, geometry: Geometry, im2col_step: int = 32) -> Tensor:
    tensors = operands.features, operands.offset, operands.weight
    output: Tensor = ops.deform_conv2d(*tensors, *asdict(geometry).values(), False, im2col_step)
    return output


def _modulated(operands: Operands, geometry: Geometry) -> Tensor:
    tensors = operands.features, operands.offset, operands.mask, operands.weight, operands.bias
    output: Tensor = ops.modulated_deform_conv2d(*tensors, *asdict(geometry).values())
    return output


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_deformable_convolution(geometry: Geometry) -> None:
    operands = _operands(geometry)
    torch.testing.assert_close(_plain(operands, geometry), _convolve(operands, geometry, modulated=False))


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_modulated_deformable_convolution(geometry: Geometry) -> None:
    operands = _operands(geometry)
    expected = _convolve(operands, geometry, modulated=True) + operands.bias[:, None, None]
    torch.testing.assert_close(_modulated(operands, geometry), expected)


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_gradients(geometry: Geometry) -> None:
    operands = _operands(geometry)

    def plain(features: Tensor, offset: Tensor, weight: Tensor) -> Tensor:
        return _plain(Operands(features, offset, operands.mask, weight, operands.bias), geometry)

    assert torch.autograd.gradcheck(plain, (operands.features, operands.offset, operands.weight), fast_mode=True)


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_modulated_gradients(geometry: Geometry) -> None:
    def modulated(*tensors: Tensor) -> Tensor:
        return _modulated(Operands(*tensors), geometry)

    operands = _operands(geometry)
    tensors = operands.features, operands.offset, operands.mask, operands.weight, operands.bias
    assert torch.autograd.gradcheck(modulated, tensors, fast_mode=True)


def test_modulated_without_bias() -> None:
    operands, geometry = _operands(GEOMETRIES[0]), GEOMETRIES[0]
    output = ops.modulated_deform_conv2d(
        operands.features, operands.offset, operands.mask, operands.weight, None, *asdict(geometry).values()
    )
    torch.testing.assert_close(output, _convolve(operands, geometry, modulated=True))
    torch.autograd.backward(output.sum())
    assert operands.bias.grad is None


def test_the_step_does_not_change_the_result() -> None:
    operands = _operands(GEOMETRIES[0], batch=4)
    torch.testing.assert_close(_plain(operands, GEOMETRIES[0], im2col_step=2), _plain(operands, GEOMETRIES[0]))


def test_the_weight_gradient_belongs_to_its_own_backward() -> None:
    operands = _operands(GEOMETRIES[0])
    output = _plain(operands, GEOMETRIES[0])
    first, second = torch.randn_like(output), torch.randn_like(output)
    torch.autograd.grad(output, operands.features, first, retain_graph=True)
    (after_another,) = torch.autograd.grad(output, operands.weight, second)
    (alone,) = torch.autograd.grad(_plain(operands, GEOMETRIES[0]), operands.weight, second)
    torch.testing.assert_close(after_another, alone)


def test_the_weight_gradient_alone() -> None:
    both, alone = _operands(GEOMETRIES[3]), _operands(GEOMETRIES[3])
    alone.features.requires_grad_(False)
    alone.offset.requires_grad_(False)
    for operands in (both, alone):
        torch.autograd.backward(_plain(operands, GEOMETRIES[3]).square().sum())
    torch.testing.assert_close(alone.weight.grad, both.weight.grad)


@pytest.mark.parametrize("convolve", [_plain, _modulated])
@pytest.mark.parametrize("far", [float("nan"), float("inf"), -float("inf"), 1e30, -1e30])
def test_an_offset_to_nowhere_samples_zero(far: float, convolve: Convolution) -> None:
    nowhere, outside = _operands(GEOMETRIES[0]), _operands(GEOMETRIES[0])
    for operands, value in ((nowhere, far), (outside, 100.0)):
        operands.offset.data[0, 0] = value
        operands.offset.data[1, 3, 2] = value
        torch.autograd.backward(convolve(operands, GEOMETRIES[0]).square().sum())
    torch.testing.assert_close(convolve(nowhere, GEOMETRIES[0]), convolve(outside, GEOMETRIES[0]))
    for name in ("features", "offset", "weight"):
        gradient = getattr(nowhere, name).grad
        assert gradient.isfinite().all()
        torch.testing.assert_close(gradient, getattr(outside, name).grad)


@pytest.mark.parametrize("convolve", [_plain, _modulated])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_rounded_once(dtype: torch.dtype, convolve: Convolution) -> None:
    half = _operands(GEOMETRIES[5], dtype=dtype)
    wide = Operands(*(getattr(half, name).detach().float().requires_grad_() for name in asdict(half)))
    outputs = [convolve(operands, GEOMETRIES[5]) for operands in (half, wide)]
    assert torch.equal(outputs[0], outputs[1].to(dtype))
    for output in outputs:
        torch.autograd.backward(output.sum())
    for name in ("features", "offset", "weight"):
        assert torch.equal(getattr(half, name).grad, getattr(wide, name).grad.to(dtype))
