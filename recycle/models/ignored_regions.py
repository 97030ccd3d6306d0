"""Regions of training images in which nothing is learned: crowds, and where an ensemble was not sure of its boxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from mmdet.structures import DetDataSample

IGNORED_PART = 0.5
"""A box of which more than this part lies in one region is not taught to be background."""


def ignored_boxes(sample: DetDataSample) -> Tensor:
    """Regions of an image, shape (n, 4), x1, y1, x2, y2 in pixels of the network's input."""
    if "ignored_instances" not in sample:
        labels: Tensor = sample.gt_instances.labels
        return labels.new_zeros((0, 4), dtype=torch.float32)
    boxes = sample.ignored_instances.bboxes
    corners: Tensor = getattr(boxes, "tensor", boxes)
    return corners.float()


def are_ignored(boxes: Tensor, regions: Tensor) -> Tensor:
    """Which boxes lie in a region, more than half.

    Args:
        boxes: Shape (n, 4), x1, y1, x2, y2.
        regions: Shape (m, 4), likewise.

    Returns:
        Shape (n,), bool.
    """
    if not len(regions):
        return boxes.new_zeros(len(boxes), dtype=torch.bool)
    corner = torch.maximum(boxes[:, None, :2], regions[None, :, :2])
    other = torch.minimum(boxes[:, None, 2:], regions[None, :, 2:])
    common = (other - corner).clamp(min=0).prod(dim=2)
    areas = (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(dim=1)
    return (common > IGNORED_PART * areas[:, None]).any(dim=1)


def are_inside(points: Tensor, regions: Tensor) -> Tensor:
    """Which points lie in a region.

    Args:
        points: Shape (n, 2), x, y.
        regions: Shape (m, 4), x1, y1, x2, y2.

    Returns:
        Shape (n,), bool.
    """
    above = (points[:, None] >= regions[None, :, :2]).all(dim=2)
    below = (points[:, None] <= regions[None, :, 2:]).all(dim=2)
    return (above & below).any(dim=1)


def grid_points(height: int, width: int, strides: Sequence[int], device: torch.device) -> Tensor:
    """Centres of the cells of feature maps, shape (n, 2), x, y in pixels; level by level, and row by row."""
    levels = []
    for stride in strides:
        rows = torch.arange(height // stride, device=device)
        columns = torch.arange(width // stride, device=device)
        y, x = torch.meshgrid(rows, columns, indexing="ij")
        levels.append((torch.stack([x, y], dim=2).reshape(-1, 2) + 0.5) * stride)
    return torch.cat(levels)


class LossOutside(nn.Module):
    """A classification loss that is 0 for anchors in ignored regions, unless an object is assigned to them.

    Args:
        loss: Maps logits and target scores, both (B, anchors, classes), to a loss of the same shape.
        ignored: Shape (B, anchors), bool.
    """

    def __init__(self, loss: nn.Module, ignored: Tensor) -> None:
        super().__init__()
        self._loss = loss
        self._ignored = ignored

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Returns the loss, shape (B, anchors, classes)."""
        is_background = targets.sum(dim=2) == 0
        masked: Tensor = self._loss(logits, targets).masked_fill((self._ignored & is_background)[..., None], 0.0)
        return masked
