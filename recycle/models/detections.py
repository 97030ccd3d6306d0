"""From what a network outside mmdet detects to what mmdet's networks return."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmengine.structures import InstanceData
from torch import Tensor

if TYPE_CHECKING:
    from mmdet.structures import DetDataSample


def in_original_image(detected: Tensor, sample: DetDataSample) -> InstanceData:
    """Takes detections back to the original image, clips them to it and leaves out those without area.

    Args:
        detected: Detections (n, 6) as x1, y1, x2, y2, score, label in pixels of the network's input.
        sample: The image: `ori_shape` (height, width) and `scale_factor` (of width and height).

    Returns:
        `bboxes` (m, 4) as x1, y1, x2, y2 in pixels of the original image, `scores` and `labels`.
    """
    height, width = sample.ori_shape[:2]
    boxes = detected[:, :4] / detected.new_tensor(sample.metainfo.get("scale_factor", (1.0, 1.0))).repeat(2)
    boxes = boxes.clamp(min=0).minimum(boxes.new_tensor([width, height, width, height]))
    kept = (boxes[:, 2:] > boxes[:, :2]).all(dim=1)
    return InstanceData(bboxes=boxes[kept], scores=detected[kept, 4], labels=detected[kept, 5].long())
