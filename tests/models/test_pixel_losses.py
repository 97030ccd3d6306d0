"""Values of the losses of pixels against PyTorch's and smp's, and what is ignored."""

from typing import Any

import pytest
import segmentation_models_pytorch.losses as smp
import torch
import torch.nn.functional as F  # noqa: N812
from pydantic import TypeAdapter
from torch import Tensor

from recycle.models.pixel_losses import PixelLosses
from recycle.predictions.probabilities import IGNORED
from recycle.recipe.losses import PixelLoss

CLASSES = 4
NAMES = ("cross_entropy", "soft_cross_entropy", "label_smoothing", "focal", "dice", "jaccard", "lovasz", "tversky")
WEIGHTS = [0.5, 1.0, 2.0, 4.0]


def terms(*losses: dict[str, Any], class_weights: list[float] | None = None) -> PixelLosses:
    parsed: list[PixelLoss] = [TypeAdapter(PixelLoss).validate_python(loss) for loss in losses]
    return PixelLosses(parsed, class_weights)


def value(loss: dict[str, Any], logits: Tensor, labels: Tensor, class_weights: list[float] | None = None) -> Tensor:
    result: Tensor
    (result,) = terms(loss, class_weights=class_weights)(logits, labels).values()
    return result


@pytest.fixture
def logits() -> Tensor:
    return 2 * torch.randn(2, CLASSES, 6, 5, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def labels() -> Tensor:
    drawn = torch.randint(0, CLASSES, (2, 6, 5), generator=torch.Generator().manual_seed(1))
    drawn[:, 0] = IGNORED
    return drawn


@pytest.mark.parametrize("class_weights", [None, WEIGHTS])
@pytest.mark.parametrize(("name", "smoothing"), [("cross_entropy", 0.0), ("label_smoothing", 0.1)])
def test_cross_entropies_are_pytorchs(
    logits: Tensor, labels: Tensor, name: str, smoothing: float, class_weights: list[float] | None
) -> None:
    weights = None if class_weights is None else torch.tensor(class_weights)
    each = F.cross_entropy(logits, labels, weights, ignore_index=IGNORED, label_smoothing=smoothing, reduction="none")
    expected = each[labels != IGNORED].mean()
    torch.testing.assert_close(value({"type": name}, logits, labels, class_weights), expected)


def test_label_smoothing_is_what_smp_calls_soft_cross_entropy(logits: Tensor, labels: Tensor) -> None:
    whole = labels.clamp_max(CLASSES - 1)
    expected = smp.SoftCrossEntropyLoss(smooth_factor=0.1)(logits, whole)
    torch.testing.assert_close(value({"type": "label_smoothing", "smoothing": 0.1}, logits, whole), expected)


@pytest.mark.parametrize("class_weights", [None, WEIGHTS])
@pytest.mark.parametrize(
    ("loss", "theirs"),
    [
        ({"type": "dice"}, smp.DiceLoss),
        ({"type": "jaccard"}, smp.JaccardLoss),
        ({"type": "tversky", "false_positives": 0.2, "false_negatives": 0.9}, smp.TverskyLoss),
    ],
)
def test_losses_of_regions_are_smps(
    logits: Tensor, labels: Tensor, loss: dict[str, Any], theirs: Any, class_weights: list[float] | None
) -> None:
    own = {"alpha": 0.2, "beta": 0.9} if loss["type"] == "tversky" else {}
    expected = theirs("multiclass", ignore_index=IGNORED, class_weights=class_weights, **own)(logits, labels)
    torch.testing.assert_close(value(loss, logits, labels, class_weights), expected)


def test_lovasz_is_smps(logits: Tensor, labels: Tensor) -> None:
    expected = smp.LovaszLoss("multiclass", ignore_index=IGNORED)(logits, labels)
    torch.testing.assert_close(value({"type": "lovasz"}, logits, labels), expected)


def test_focal_without_a_power_is_cross_entropy_and_with_one_is_the_papers(logits: Tensor, labels: Tensor) -> None:
    torch.testing.assert_close(
        value({"type": "focal", "gamma": 0}, logits, labels), value({"type": "cross_entropy"}, logits, labels)
    )
    each = F.cross_entropy(logits, labels, ignore_index=IGNORED, reduction="none")[labels != IGNORED]
    expected = ((1 - torch.exp(-each)) ** 2 * each).mean()
    torch.testing.assert_close(value({"type": "focal", "gamma": 2}, logits, labels), expected)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_ignored_counts_in_no_loss(logits: Tensor, labels: Tensor, name: str) -> None:
    other = logits.clone()
    other[:, :, 0] = 50 * torch.randn(2, CLASSES, 5, generator=torch.Generator().manual_seed(2))
    other.requires_grad_(True)
    found = value({"type": name}, other, labels)
    torch.testing.assert_close(found, value({"type": name}, logits, labels))
    torch.autograd.backward([found])
    assert other.grad is not None
    assert not other.grad[:, :, 0].any()
    assert other.grad[:, :, 1:].any()


@pytest.mark.parametrize("name", NAMES)
def test_images_without_a_label_cost_nothing_and_break_nothing(logits: Tensor, labels: Tensor, name: str) -> None:
    leaf = logits.clone().requires_grad_(True)
    found = value({"type": name}, leaf, torch.full_like(labels, IGNORED))
    torch.autograd.backward([found])
    assert found == 0
    assert leaf.grad is not None
    assert not leaf.grad.any()


def test_a_sum_has_a_term_for_each_loss_with_its_weight(logits: Tensor, labels: Tensor) -> None:
    both = terms({"type": "jaccard"}, {"type": "label_smoothing", "weight": 0.25})(logits, labels)
    assert list(both) == ["loss_0_jaccard", "loss_1_label_smoothing"]
    torch.testing.assert_close(
        both["loss_1_label_smoothing"], 0.25 * value({"type": "label_smoothing"}, logits, labels)
    )
