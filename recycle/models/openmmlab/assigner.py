"""A matcher of boxes that leaves it to the loss to tell that a network has broken."""

from typing import Any

from mmdet.models.task_modules import AssignResult, HungarianAssigner
from mmdet.registry import TASK_UTILS
from mmengine.structures import InstanceData

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
