"""Deformable convolution and its modulated form, with the signatures of mmcv's extension.

mmcv passes the tensors by position, and strides, paddings, dilations and groups by keyword, named differently for the
two. torchvision's kernels need neither its scratch space nor `im2col_step`, which only bounds memory.
"""

import torch
from torch import Tensor

from recycle.models.mmcv_ops.precision import at_least_float32

# Any offset to here samples outside the image, and float16 can hold it.
_OUTSIDE = 32768.0


def deform_conv_forward(
    input: Tensor, weight: Tensor, offset: Tensor, output: Tensor, columns: Tensor, ones: Tensor, **geometry: int
) -> None:
    """Deformable convolution (Dai et al., 2017), by torchvision's kernel.

    Args:
        input: (n, c, h, w) features.
        weight: (c_out, c / group, kh, kw).
        offset: (n, deformable_group * 2 * kh * kw, h_out, w_out) y, x in cells of the input for each kernel element;
            one that is not finite samples zero.
        output: (n, c_out, h_out, w_out), written in place.
        columns: Unused scratch space.
        ones: Unused scratch space.
        geometry: `kH`, `kW`, `dH`, `dW` (strides), `padH`, `padW`, `dilationH`, `dilationW`, `group`,
            `deformable_group` and `im2col_step`.
    """
    output.copy_(_convolve(_operands(input, weight, offset), _geometry(geometry), modulated=False))


def deform_conv_backward_input(
    input: Tensor,
    offset: Tensor,
    grad_output: Tensor,
    grad_input: Tensor,
    grad_offset: Tensor,
    weight: Tensor,
    columns: Tensor,
    **geometry: int,
) -> None:
    """Write the gradients of `deform_conv_forward` by its features and offsets.

    `columns` receives the gradient by the weight, which torchvision computes along with them: mmcv hands the same
    scratch space to `deform_conv_backward_parameters` next, and doing all of it twice would double the time.
    """
    operands = _operands(input, weight, offset)
    gradients = _gradients(grad_output, operands, _geometry(geometry), modulated=False)
    grad_input.copy_(gradients[0])
    grad_offset.copy_(gradients[2])
    columns.resize_(weight.shape).copy_(gradients[1])


def deform_conv_backward_parameters(
    input: Tensor,
    offset: Tensor,
    grad_output: Tensor,
    grad_weight: Tensor,
    columns: Tensor,
    ones: Tensor,
    *,
    scale: float,
    **geometry: int,
) -> None:
    """Add `scale` times the gradient of `deform_conv_forward` by its weight to `grad_weight`.

    It is taken from `columns` where `deform_conv_backward_input` has left it.
    """
    if columns.shape == grad_weight.shape:
        gradient = columns.clone()
        columns.resize_(0)
    else:
        # The gradient depends on the weight's shape alone.
        operands = _operands(input, grad_weight, offset)
        gradient = _gradients(grad_output, operands, _geometry(geometry), modulated=False)[1]
    grad_weight.add_(gradient, alpha=scale)


def modulated_deform_conv_forward(
    input: Tensor,
    weight: Tensor,
    bias: Tensor,
    ones: Tensor,
    offset: Tensor,
    mask: Tensor,
    output: Tensor,
    columns: Tensor,
    *,
    with_bias: bool,
    **geometry: int,
) -> None:
    """Modulated deformable convolution (Zhu et al., 2019), by torchvision's kernel.

    Args:
        input: (n, c, h, w) features.
        weight: (c_out, c / group, kh, kw).
        bias: (c_out,), ignored unless `with_bias`.
        ones: Unused scratch space.
        offset: As for `deform_conv_forward`.
        mask: (n, deformable_group * kh * kw, h_out, w_out) factor of each sample.
        output: (n, c_out, h_out, w_out), written in place.
        columns: Unused scratch space.
        with_bias: Whether `bias` is added.
        geometry: `kernel_h`, `kernel_w`, `stride_h`, `stride_w`, `pad_h`, `pad_w`, `dilation_h`, `dilation_w`,
            `group` and `deformable_group`.
    """
    operands = _operands(input, weight, offset, mask, bias if with_bias else None)
    output.copy_(_convolve(operands, _modulated_geometry(geometry), modulated=True))


def modulated_deform_conv_backward(
    input: Tensor,
    weight: Tensor,
    bias: Tensor,
    ones: Tensor,
    offset: Tensor,
    mask: Tensor,
    columns: Tensor,
    grad_input: Tensor,
    grad_weight: Tensor,
    grad_bias: Tensor,
    grad_offset: Tensor,
    grad_mask: Tensor,
    grad_output: Tensor,
    *,
    with_bias: bool,
    **geometry: int,
) -> None:
    """Write the gradients of `modulated_deform_conv_forward` by each of its five tensors."""
    operands = _operands(input, weight, offset, mask)
    gradients = _gradients(grad_output, operands, _modulated_geometry(geometry), modulated=True)
    targets = [grad_input, grad_weight, grad_offset, grad_mask, *([grad_bias] if with_bias else [])]
    for target, gradient in zip(targets, gradients, strict=False):
        target.copy_(gradient)


def _geometry(named: dict[str, int]) -> list[int]:
    """Stride, padding, dilation (each y, x), groups and offset groups, as torchvision orders them."""
    names = ("dH", "dW", "padH", "padW", "dilationH", "dilationW", "group", "deformable_group")
    return [named[name] for name in names]


def _modulated_geometry(named: dict[str, int]) -> list[int]:
    names = ("stride_h", "stride_w", "pad_h", "pad_w", "dilation_h", "dilation_w", "group", "deformable_group")
    return [named[name] for name in names]


def _convolve(operands: list[Tensor], geometry: list[int], *, modulated: bool) -> Tensor:
    output: Tensor = torch.ops.torchvision.deform_conv2d(*operands, *geometry, modulated)
    return output


def _gradients(
    grad_output: Tensor, operands: list[Tensor], geometry: list[int], *, modulated: bool
) -> tuple[Tensor, ...]:
    """Gradients by input, weight, offset, mask and bias."""
    gradients: tuple[Tensor, ...] = torch.ops.torchvision._deform_conv2d_backward(
        at_least_float32(grad_output), *operands, *geometry, modulated
    )
    return gradients


def _operands(
    input: Tensor, weight: Tensor, offset: Tensor, mask: Tensor | None = None, bias: Tensor | None = None
) -> list[Tensor]:
    """The tensors as torchvision orders them; it wants some mask and bias even where there is none."""
    # torchvision's kernel makes an index of a NaN position and crashes the process.
    offset = offset.nan_to_num(nan=_OUTSIDE, posinf=_OUTSIDE, neginf=-_OUTSIDE)
    mask = input.new_zeros(input.size(0), 1) if mask is None else mask
    bias = input.new_zeros(weight.size(0)) if bias is None else bias
    return [at_least_float32(tensor) for tensor in (input, weight, offset, mask, bias)]
