import pytest
import torch
from mmdet.models.task_modules import HungarianAssigner
from mmengine.structures import InstanceData

from recycle.models.openmmlab.assigner import SteadyHungarianAssigner
from recycle.models.openmmlab.shipped import shipped

COSTS = shipped("dino/dino-4scale_r50_8xb2-12e_coco.py").train_cfg.assigner.match_costs
META = {"img_shape": (100, 100)}
TRUTH = InstanceData(bboxes=torch.tensor([[0.0, 0, 50, 50], [20, 20, 90, 60]]), labels=torch.tensor([1, 0]))


def predictions() -> InstanceData:
    """Six boxes somewhere in the image."""
    torch.manual_seed(0)
    corners = torch.rand(6, 2) * 50
    return InstanceData(bboxes=torch.cat([corners, corners + 30], dim=1), scores=torch.randn(6, 2))


def test_sound_predictions_are_matched_as_mmdet_does() -> None:
    ours = SteadyHungarianAssigner(COSTS).assign(predictions(), TRUTH, META)
    theirs = HungarianAssigner(COSTS).assign(predictions(), TRUTH, META)
    assert torch.equal(ours.gt_inds, theirs.gt_inds)
    assert (ours.gt_inds > 0).sum() == 2


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf, 1e30])
def test_broken_predictions_do_not_end_in_an_error(value: float) -> None:
    broken = predictions()
    broken.scores[2:] = value
    broken.bboxes[:3] = value
    assert (SteadyHungarianAssigner(COSTS).assign(broken, TRUTH, META).gt_inds > 0).sum() == 2
