"""What assigns boxes to objects: where there is no number, and in regions where nothing is to be learned."""

from typing import Any

from mmdet.models.task_modules import AssignResult, ATSSAssigner, HungarianAssigner, MaxIoUAssigner
from mmdet.registry import TASK_UTILS
from mmengine.structures import InstanceData
from torch import Tensor

from recycle.models.ignored_regions import are_ignored

LARGEST = 1e5
"""Beyond any pixel and any logit of a sound network."""


@TASK_UTILS.register_module()
class SteadyHungarianAssigner(HungarianAssigner):
    """mmdet's, which otherwise ends in an error of its own where predictions are NaN or infinite."""

    def assign(
        self,
        pred_instances: InstanceData,
        gt_instances: InstanceData,
        img_meta: dict[str, Any] | None = None,
        **settings: Any,  # noqa: ANN401 - mmdet's
    ) -> AssignResult:
        """Matches predictions to the truth; what is not a number counts as 0."""
        steady = {name: tensor.nan_to_num(0.0).clamp(-LARGEST, LARGEST) for name, tensor in pred_instances.items()}
        return super().assign(InstanceData(**steady), gt_instances, img_meta, **settings)


@TASK_UTILS.register_module()
class IgnoringMaxIoUAssigner(MaxIoUAssigner):
    """mmdet's, but ignored regions spare background alone, and do so in images without objects too."""

    def assign(
        self,
        pred_instances: InstanceData,
        gt_instances: InstanceData,
        gt_instances_ignore: InstanceData | None = None,
        **settings: Any,  # noqa: ANN401 - mmdet's
    ) -> AssignResult:
        """Assigns boxes to objects, to the background, or in ignored regions to neither."""
        result = super().assign(pred_instances, gt_instances, **settings)
        return _spare_background(result, pred_instances, gt_instances_ignore)


@TASK_UTILS.register_module()
class IgnoringATSSAssigner(ATSSAssigner):
    """mmdet's, changed likewise."""

    def assign(
        self,
        pred_instances: InstanceData,
        num_level_priors: list[int],
        gt_instances: InstanceData,
        gt_instances_ignore: InstanceData | None = None,
    ) -> AssignResult:
        """Assigns anchors to objects, to the background, or in ignored regions to neither."""
        result = super().assign(pred_instances, num_level_priors, gt_instances)
        return _spare_background(result, pred_instances, gt_instances_ignore)


def _spare_background(result: AssignResult, boxes: InstanceData, ignored: InstanceData | None) -> AssignResult:
    """Marks boxes of the background that lie in ignored regions, in place, as ones that nothing is known of."""
    if ignored is not None and len(ignored):
        priors: Tensor = getattr(boxes.priors, "tensor", boxes.priors)
        regions: Tensor = getattr(ignored.bboxes, "tensor", ignored.bboxes)
        result.gt_inds[(result.gt_inds == 0) & are_ignored(priors[:, :4], regions)] = -1
    return result
