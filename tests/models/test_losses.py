"""Values of the losses against PyTorch's, the papers' formulas and mmdet's, and the heads that get them."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from torch import Tensor

from recycle.models.families import build_model
from recycle.models.losses import DenseHeadLoss, SigmoidLoss, SoftmaxLoss
from recycle.recipe import Model

CLASSES = 4
CASCADE = {
    "name": "m",
    "family": "cascade_rcnn",
    "backbone": "efficientnet_lite0",
    "pretrained": "none",
    "image_size": 64,
    "epochs": 1,
    "batch_size": 1,
    "fpn_channels": 16,
    "head_channels": 16,
}
ATSS = {**{key: CASCADE[key] for key in list(CASCADE)[:7]}, "family": "atss", "fpn_channels": 32}
YOLO = {"name": "m", "family": "yolov5", "size": "tiny", "pretrained": "none", "image_size": 64} | {
    "epochs": 1,
    "batch_size": 1,
}


def logits(samples: int = 50, classes: int = CLASSES, seed: int = 0) -> Tensor:
    return 3 * torch.randn(samples, classes, generator=torch.Generator().manual_seed(seed))


def labels(samples: int = 50, classes: int = CLASSES) -> Tensor:
    return torch.randint(0, classes, (samples,), generator=torch.Generator().manual_seed(1))


def network(settings: dict[str, Any], class_weights: tuple[float, ...] | None = None, **losses: Any) -> Any:
    model: Model = TypeAdapter(Model).validate_python({**settings, "losses": losses})
    return build_model(model, 3, class_weights)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.4])
@pytest.mark.parametrize("class_weights", [None, [0.5, 2.0, 1.0, 3.0]])
def test_cross_entropy_and_label_smoothing_are_pytorchs(smoothing: float, class_weights: list[float] | None) -> None:
    weights = None if class_weights is None else torch.tensor(class_weights)
    expected = F.cross_entropy(logits(), labels(), weights, label_smoothing=smoothing, reduction="none")
    loss = SoftmaxLoss(smoothing=smoothing, class_weights=class_weights)
    torch.testing.assert_close(loss(logits(), labels(), reduction_override="none"), expected)


def test_a_probability_for_each_class_is_a_target_too() -> None:
    target = logits(seed=2).softmax(dim=1)
    torch.testing.assert_close(SoftmaxLoss()(logits(), target), F.cross_entropy(logits(), target))


def test_soft_cross_entropy_mixes_the_prediction_into_its_target() -> None:
    probabilities = logits().softmax(dim=1)
    target = 0.8 * F.one_hot(labels(), CLASSES) + 0.2 * probabilities
    expected = -(target * probabilities.log()).sum(dim=1).mean()
    torch.testing.assert_close(SoftmaxLoss(trust=0.8)(logits(), labels()), expected)


def test_soft_cross_entropy_forgives_a_wrong_label_that_the_network_is_sure_of() -> None:
    sure, wrong = torch.tensor([[8.0, 0.0, 0.0]]), torch.tensor([1])
    hard, soft = SoftmaxLoss()(sure, wrong), SoftmaxLoss(trust=0.5)(sure, wrong)
    assert soft < 0.6 * hard


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_focal_loss_is_the_papers(gamma: float) -> None:
    right = logits().softmax(dim=1).gather(1, labels()[:, None]).squeeze(1)
    expected = -((1 - right) ** gamma) * right.log()
    found = SoftmaxLoss(gamma=gamma)(logits(), labels(), reduction_override="none")
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("settings", [{"gamma": 0.5}, {"gamma": 2.0}, {"smoothing": 0.1}, {"trust": 0.9}])
def test_gradients_stay_finite_for_extreme_predictions(settings: dict[str, Any]) -> None:
    scores = torch.tensor([[100.0, -100.0], [-100.0, 100.0]], requires_grad=True)
    SoftmaxLoss(**settings)(scores, torch.tensor([0, 0])).backward()
    assert scores.grad is not None
    assert scores.grad.isfinite().all()


def test_weights_of_samples_and_the_divisor_are_mmdets() -> None:
    weight = torch.rand(50, generator=torch.Generator().manual_seed(3))
    losses = F.cross_entropy(logits(), labels(), reduction="none")
    found = SoftmaxLoss(loss_weight=2.0)(logits(), labels(), weight, avg_factor=7.0)
    torch.testing.assert_close(found, 2 * (losses * weight).sum() / 7)


@given(st.floats(0, 5), st.integers(0, 2**16))
def test_focal_loss_never_exceeds_cross_entropy(gamma: float, seed: int) -> None:
    scores = logits(seed=seed)
    focal = SoftmaxLoss(gamma=gamma)(scores, labels(), reduction_override="none")
    plain = SoftmaxLoss()(scores, labels(), reduction_override="none")
    assert (focal <= plain + 1e-6).all()


def test_sigmoid_loss_is_binary_cross_entropy_with_weighted_objects() -> None:
    target = torch.rand(50, CLASSES, generator=torch.Generator().manual_seed(4))
    weights = [1.0, 2.0, 0.5, 4.0]
    expected = F.binary_cross_entropy_with_logits(logits(), target, pos_weight=torch.tensor(weights), reduction="none")
    torch.testing.assert_close(SigmoidLoss(class_weights=weights)(logits(), target), expected)


def test_loss_of_dense_heads_is_mmdets_focal_loss() -> None:
    from mmdet.models.losses import FocalLoss

    with_background = labels(classes=CLASSES + 1)
    weight = torch.rand(50, generator=torch.Generator().manual_seed(5))
    expected = FocalLoss(gamma=1.5, alpha=0.25, loss_weight=3.0)(logits(), with_background, weight, avg_factor=9.0)
    loss = DenseHeadLoss(loss_weight=3.0, gamma=1.5, alpha=0.25)
    torch.testing.assert_close(loss(logits(), with_background, weight, avg_factor=9.0), expected)


def test_class_weights_scale_what_is_learned_from_their_boxes() -> None:
    gradients = []
    for weights in (None, [1.0, 5.0, 1.0, 1.0]):
        scores = logits(2).requires_grad_()
        SoftmaxLoss(class_weights=weights)(scores, torch.tensor([0, 1])).backward()
        gradients.append(scores.grad)
    plain, weighted = gradients
    assert plain is not None
    torch.testing.assert_close(weighted, plain * torch.tensor([[1.0], [5.0]]))


def test_without_losses_in_the_recipe_the_family_keeps_its_own() -> None:
    assert {type(head.loss_cls).__name__ for head in network(CASCADE).roi_head.bbox_head} == {"CrossEntropyLoss"}
    assert type(network(ATSS).bbox_head.loss_cls).__name__ == "FocalLoss"
    assert network(YOLO).loss_cls is None


def test_each_stage_of_a_cascade_has_its_loss() -> None:
    kinds = [{"type": "label_smoothing", "smoothing": 0.2}, {"type": "cross_entropy"}, {"type": "focal", "gamma": 1}]
    heads = network(CASCADE, classification=kinds).roi_head.bbox_head
    scores, target = logits(), labels()
    expected = [SoftmaxLoss(smoothing=0.2), SoftmaxLoss(), SoftmaxLoss(gamma=1)]
    for head, loss in zip(heads, expected, strict=True):
        torch.testing.assert_close(head.loss_cls(scores, target), loss(scores, target))
    assert len({float(head.loss_cls(scores, target)) for head in heads}) == 3


def test_one_loss_is_that_of_all_stages_and_keeps_their_weights() -> None:
    heads = network(CASCADE, (1.0, 2.0, 3.0), classification=[{"type": "soft_cross_entropy"}]).roi_head.bbox_head
    expected = SoftmaxLoss(trust=0.95, class_weights=[1.0, 2.0, 3.0, 1.0])
    for head in heads:
        torch.testing.assert_close(head.loss_cls(logits(), labels()), expected(logits(), labels()))


@pytest.mark.parametrize(
    ("box", "kind", "is_overlap"),
    [
        ("smooth_l1", "SmoothL1Loss", False),
        ("l1", "L1Loss", False),
        ("giou", "GIoULoss", True),
        ("ciou", "CIoULoss", True),
    ],
)
def test_box_losses_of_a_cascade(box: str, kind: str, is_overlap: bool) -> None:
    for head in network(CASCADE, box=box).roi_head.bbox_head:
        assert type(head.loss_bbox).__name__ == kind
        assert head.reg_decoded_bbox == is_overlap


def test_losses_reach_the_other_families() -> None:
    dense = network(ATSS, (1.0, 2.0, 3.0), classification=[{"type": "focal", "gamma": 1.0}], box="ciou").bbox_head
    expected = DenseHeadLoss(gamma=1.0, alpha=0.25, class_weights=[1.0, 2.0, 3.0])
    scores, target = logits(classes=3), labels()
    torch.testing.assert_close(dense.loss_cls(scores, target), expected(scores, target))
    assert type(dense.loss_bbox).__name__ == "CIoULoss"
    yolo = network(YOLO, (1.0, 2.0, 3.0), classification=[{"type": "focal"}])
    scores, wanted = logits(classes=3), logits(classes=3, seed=2).sigmoid()
    elementwise = SigmoidLoss(gamma=2.0, alpha=0.25, class_weights=[1.0, 2.0, 3.0])
    torch.testing.assert_close(yolo.loss_cls(scores, wanted), elementwise(scores, wanted))
