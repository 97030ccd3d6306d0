"""`ms_deform_attn_forward` and `..._backward`, with the signatures of mmcv's extension."""

import torch
from torch import Tensor
from torch.nn import functional

from recycle.models.mmcv_ops.precision import at_least_float32


def ms_deform_attn_forward(
    value: Tensor,
    spatial_shapes: Tensor,
    level_start_index: Tensor,
    sampling_locations: Tensor,
    attention_weights: Tensor,
    *,
    im2col_step: int,
) -> Tensor:
    """Multi-scale deformable attention (Zhu et al., 2021) by `grid_sample`.

    Args:
        value: (n, keys, heads, channels), the cells of all levels one after the other.
        spatial_shapes: (levels, 2) int64 height, width.
        level_start_index: Unused; it follows from `spatial_shapes`.
        sampling_locations: (n, queries, heads, levels, points, 2) x, y in 0..1 of the level.
        attention_weights: (n, queries, heads, levels, points).
        im2col_step: Unused; the images are computed together.

    Returns:
        (n, queries, heads * channels), in the type of `value`.
    """
    tensors = (at_least_float32(tensor) for tensor in (value, sampling_locations, attention_weights))
    return _attend(spatial_shapes.tolist(), *tensors).type_as(value)


def ms_deform_attn_backward(
    value: Tensor,
    spatial_shapes: Tensor,
    level_start_index: Tensor,
    sampling_locations: Tensor,
    attention_weights: Tensor,
    grad_output: Tensor,
    grad_value: Tensor,
    grad_sampling_loc: Tensor,
    grad_attn_weight: Tensor,
    *,
    im2col_step: int,
) -> None:
    """Write the gradients of `ms_deform_attn_forward` by values, locations and weights."""
    tensors = [
        at_least_float32(tensor.detach()).requires_grad_() for tensor in (value, sampling_locations, attention_weights)
    ]
    with torch.enable_grad():
        output = _attend(spatial_shapes.tolist(), *tensors)
    gradients = torch.autograd.grad(output, tensors, at_least_float32(grad_output))
    for target, gradient in zip((grad_value, grad_sampling_loc, grad_attn_weight), gradients, strict=True):
        target.copy_(gradient)


def _attend(shapes: list[list[int]], value: Tensor, locations: Tensor, weights: Tensor) -> Tensor:
    levels = torch.split(value, [height * width for height, width in shapes], dim=1)
    attended = [
        _sample(level, shape, locations[:, :, :, index], weights[:, :, :, index])
        for index, (level, shape) in enumerate(zip(levels, shapes, strict=True))
    ]
    return torch.stack(attended).sum(0)


def _sample(value: Tensor, shape: list[int], locations: Tensor, weights: Tensor) -> Tensor:
    """Attend to one level: the weighted sum of its samples, (n, queries, heads * channels)."""
    batch, _, heads, channels = value.shape
    queries = locations.size(1)
    image = value.permute(0, 2, 3, 1).reshape(batch * heads, channels, *shape)
    grid = 2 * locations.transpose(1, 2).flatten(0, 1) - 1
    samples = functional.grid_sample(image, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    weighted = samples * weights.transpose(1, 2).flatten(0, 1)[:, None]
    return weighted.sum(-1).view(batch, heads * channels, queries).transpose(1, 2)
