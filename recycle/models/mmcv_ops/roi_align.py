"""`roi_align_forward` and `roi_align_backward`, with the signatures of mmcv's extension."""

import torch
from torch import Tensor

from recycle.errors import RecycleError
from recycle.models.mmcv_ops.precision import at_least_float32

_AVERAGE = 1


def roi_align_forward(
    input: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    *,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """RoIAlign (He et al., 2017), by torchvision's kernel.

    Args:
        input: (n, c, h, w) features.
        rois: (k, 5) image index, x1, y1, x2, y2 in pixels of the image.
        output: (k, c, aligned_height, aligned_width), written in place.
        argmax_y: Unused; mmcv needs it for pooling by maximum.
        argmax_x: Unused, likewise.
        aligned_height: Bins of a box downwards.
        aligned_width: Bins of a box across.
        spatial_scale: Feature cells per pixel.
        sampling_ratio: Samples of a bin along each axis; 0 takes about one a feature cell.
        pool_mode: 1, the average of a bin's samples.
        aligned: Whether pixel centres lie at half-integers.

    Raises:
        RecycleError: If `pool_mode` asks for the maximum, which torchvision has not.
    """
    _check_pool_mode(pool_mode)
    pooled = torch.ops.torchvision.roi_align(
        at_least_float32(input),
        at_least_float32(rois),
        spatial_scale,
        aligned_height,
        aligned_width,
        sampling_ratio,
        aligned,
    )
    output.copy_(pooled)


def roi_align_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    grad_input: Tensor,
    *,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Write the gradient of `roi_align_forward` by its features (n, c, h, w) to `grad_input`."""
    _check_pool_mode(pool_mode)
    gradient = torch.ops.torchvision._roi_align_backward(
        at_least_float32(grad_output),
        at_least_float32(rois),
        spatial_scale,
        aligned_height,
        aligned_width,
        *grad_input.shape,
        sampling_ratio,
        aligned,
    )
    grad_input.copy_(gradient)


def _check_pool_mode(pool_mode: int) -> None:
    if pool_mode != _AVERAGE:
        raise RecycleError("RoIAlign without a compiled mmcv pools by average: pool_mode must be 'avg', but got 'max'.")
