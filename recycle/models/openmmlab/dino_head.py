"""DINO's head with regions in which nothing is learned, of which mmdet's knows nothing."""

from typing import Any

from mmdet.models.dense_heads import DINOHead
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import bbox_cxcywh_to_xyxy
from mmengine.structures import InstanceData
from torch import Tensor

from recycle.models.ignored_regions import are_ignored, ignored_boxes

REGIONS = "ignored_regions"


@MODELS.register_module()
class IgnoringDINOHead(DINOHead):
    """mmdet's, but queries in ignored regions that match no object are not taught to be background."""

    def loss(
        self,
        hidden_states: Tensor,
        references: list[Tensor],
        enc_outputs_class: Tensor,
        enc_outputs_coord: Tensor,
        batch_data_samples: list[DetDataSample],
        dn_meta: dict[str, int],
    ) -> dict[str, Tensor]:
        """Gives the losses as mmdet's does; its targets know of an image only its meta information."""
        for sample in batch_data_samples:
            sample.set_metainfo({REGIONS: ignored_boxes(sample)})
        losses: dict[str, Tensor] = super().loss(
            hidden_states, references, enc_outputs_class, enc_outputs_coord, batch_data_samples, dn_meta
        )
        return losses

    def _get_targets_single(
        self, cls_score: Tensor, bbox_pred: Tensor, gt_instances: InstanceData, img_meta: dict[str, Any]
    ) -> tuple[Tensor, ...]:
        targets: tuple[Tensor, ...] = super()._get_targets_single(cls_score, bbox_pred, gt_instances, img_meta)
        labels, weights, *rest = targets
        height, width = img_meta["img_shape"]
        boxes = bbox_cxcywh_to_xyxy(bbox_pred.detach()) * bbox_pred.new_tensor([width, height, width, height])
        is_ignored = are_ignored(boxes, img_meta[REGIONS]) & (labels == self.num_classes)
        return labels, weights.masked_fill(is_ignored, 0.0), *rest
