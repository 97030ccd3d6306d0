"""The operators that we supply, under the names by which `mmcv.ops` asks for them."""

from collections.abc import Callable
from typing import Any

from recycle.models.mmcv_ops import (
    deformable_attention,
    deformable_convolution,
    focal_loss,
    roi_align,
    suppression,
)


def _compiler_version() -> str:
    return "not compiled: operators from torchvision and PyTorch"


OPERATORS: dict[str, Callable[..., Any]] = {
    "nms": suppression.nms,
    "softnms": suppression.softnms,
    "roi_align_forward": roi_align.roi_align_forward,
    "roi_align_backward": roi_align.roi_align_backward,
    "deform_conv_forward": deformable_convolution.deform_conv_forward,
    "deform_conv_backward_input": deformable_convolution.deform_conv_backward_input,
    "deform_conv_backward_parameters": deformable_convolution.deform_conv_backward_parameters,
    "modulated_deform_conv_forward": deformable_convolution.modulated_deform_conv_forward,
    "modulated_deform_conv_backward": deformable_convolution.modulated_deform_conv_backward,
    "sigmoid_focal_loss_forward": focal_loss.sigmoid_focal_loss_forward,
    "sigmoid_focal_loss_backward": focal_loss.sigmoid_focal_loss_backward,
    "ms_deform_attn_forward": deformable_attention.ms_deform_attn_forward,
    "ms_deform_attn_backward": deformable_attention.ms_deform_attn_backward,
    "get_compiler_version": _compiler_version,
    "get_compiling_cuda_version": _compiler_version,
}
