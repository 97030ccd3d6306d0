"""`nms` and `softnms`, with the signatures of mmcv's extension."""

import numpy as np
import numpy.typing as npt
import torch
import torchvision
from torch import Tensor

from recycle.models.mmcv_ops.precision import at_least_float32

_NAIVE, _LINEAR, _GAUSSIAN = range(3)


def nms(boxes: Tensor, scores: Tensor, *, iou_threshold: float, offset: int) -> Tensor:
    """Greedy non-maximum suppression (`torchvision.ops.nms`).

    Args:
        boxes: (n, 4) x1, y1, x2, y2 in pixels.
        scores: (n,).
        iou_threshold: A box that overlaps a better one by more than this is dropped.
        offset: 0, or 1 where x2 and y2 name the last pixel inside: a width is x2 - x1 + offset.

    Returns:
        (k,) int64 indices of the boxes kept, by descending score.
    """
    corners = at_least_float32(boxes)
    if offset:
        corners = corners + corners.new_tensor([0, 0, offset, offset])
    # mmcv holds the threshold in float32; torchvision would compare with the double beside it.
    kept: Tensor = torchvision.ops.nms(corners, at_least_float32(scores), float(np.float32(iou_threshold)))
    return kept


def softnms(
    boxes: Tensor,
    scores: Tensor,
    dets: Tensor,
    *,
    iou_threshold: float,
    sigma: float,
    min_score: float,
    method: int,
    offset: int,
) -> Tensor:
    """Soft-NMS (Bodla et al., 2017) on CPU tensors, in mmcv's order of picks also among equal scores.

    Args:
        boxes: (n, 4) x1, y1, x2, y2 in pixels.
        scores: (n,).
        dets: (n, 5), whose first k rows receive x1, y1, x2, y2, decayed score.
        iou_threshold: Overlap from which a score decays; the gaussian method decays at any overlap.
        sigma: Width of the gaussian method.
        min_score: Boxes that decay below it are dropped.
        method: 0 naive (drops, as NMS), 1 linear, 2 gaussian.
        offset: 0 or 1, added to each width and height.

    Returns:
        (k,) int64 indices of the boxes kept, in the order they were picked.
    """
    # One column a box, so that each coordinate is contiguous.
    rows = np.vstack([_array(boxes).T, _array(scores)])
    indices = np.arange(rows.shape[1])
    picked, count = 0, rows.shape[1]
    while picked < count:
        best = picked + int(rows[4, picked:count].argmax())
        rows[:, [picked, best]] = rows[:, [best, picked]]
        indices[[picked, best]] = indices[[best, picked]]
        rest = slice(picked + 1, count)
        rows[4, rest] *= _decay(_iou(rows[:, picked], rows[:, rest], offset), iou_threshold, sigma, method)
        order = picked + 1 + _survivors(rows[4, rest] >= min_score)
        picked, count = picked + 1, picked + 1 + len(order)
        rows[:, picked:count], indices[picked:count] = rows[:, order], indices[order]
    dets[:count] = torch.from_numpy(rows[:, :count].T)
    return torch.from_numpy(indices[:count])


def _array(tensor: Tensor) -> npt.NDArray[np.floating]:
    array: npt.NDArray[np.floating] = at_least_float32(tensor.detach()).numpy()
    return array


def _iou(box: npt.NDArray[np.floating], boxes: npt.NDArray[np.floating], offset: int) -> npt.NDArray[np.floating]:
    """IoU of one box (4,) with boxes (4, n); two boxes without area do not overlap."""
    width = np.minimum(box[2], boxes[2]) - np.maximum(box[0], boxes[0]) + offset
    height = np.minimum(box[3], boxes[3]) - np.maximum(box[1], boxes[1]) + offset
    overlap = width.clip(min=0) * height.clip(min=0)
    union = _area(box, offset) + _area(boxes, offset) - overlap
    iou: npt.NDArray[np.floating] = np.divide(overlap, union, out=np.zeros_like(overlap), where=union > 0)
    return iou


def _area(boxes: npt.NDArray[np.floating], offset: int) -> npt.NDArray[np.floating]:
    area: npt.NDArray[np.floating] = (boxes[2] - boxes[0] + offset) * (boxes[3] - boxes[1] + offset)
    return area


def _decay(iou: npt.NDArray[np.floating], iou_threshold: float, sigma: float, method: int) -> npt.NDArray[np.floating]:
    if method == _GAUSSIAN:
        gaussian: npt.NDArray[np.floating] = np.exp(-(iou**2) / sigma)
        return gaussian
    overlapping = 1 - iou if method == _LINEAR else np.zeros_like(iou)
    return np.where(iou >= iou_threshold, overlapping, np.ones_like(iou))


def _survivors(kept: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """Positions of the kept, where each hole is filled from the end as mmcv does: it decides among ties."""
    survivors = np.flatnonzero(kept)
    order = np.arange(len(survivors))
    holes = np.flatnonzero(~kept[: len(survivors)])
    order[holes] = survivors[::-1][: len(holes)]
    return order
