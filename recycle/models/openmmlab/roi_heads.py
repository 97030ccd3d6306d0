"""Heads that are trained on masks but predict boxes only: masks of a hundred boxes an image would cost the most."""

from typing import Any, Protocol

from mmdet.models.roi_heads import CascadeRoIHead, StandardRoIHead
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from torch import Tensor


class _PredictsBoxes(Protocol):
    test_cfg: Any

    def predict_bbox(
        self,
        x: tuple[Tensor, ...],
        batch_img_metas: list[dict[str, Any]],
        rpn_results_list: list[InstanceData],
        rcnn_test_cfg: Any,  # noqa: ANN401 - mmdet's
        rescale: bool = False,
    ) -> list[InstanceData]: ...


class _BoxesOnly:
    def predict(
        self: _PredictsBoxes,
        x: tuple[Tensor, ...],
        rpn_results_list: list[InstanceData],
        batch_data_samples: list[DetDataSample],
        rescale: bool = False,
    ) -> list[InstanceData]:
        """As mmdet's heads predict, but without masks."""
        metas = [sample.metainfo for sample in batch_data_samples]
        return self.predict_bbox(x, metas, rpn_results_list, self.test_cfg, rescale=rescale)


@MODELS.register_module()
class BoxesOfStandardRoIHead(_BoxesOnly, StandardRoIHead):
    """The head of Mask R-CNN."""


@MODELS.register_module()
class BoxesOfCascadeRoIHead(_BoxesOnly, CascadeRoIHead):
    """The head of Cascade Mask R-CNN."""
