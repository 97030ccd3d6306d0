import pytest
import torch
from torch import nn

from recycle.models.backbones import TimmFeatures
from recycle.models.recursive_backbone import RecursiveTimmFeatures

CASES = [
    ("tf_efficientnet_lite0", (1, 2, 3, 4)),
    ("resnet18", (1, 2, 3, 4)),
    ("swin_tiny_patch4_window7_224", (0, 1, 2, 3)),
]


def second_look(name: str, levels: tuple[int, ...]) -> RecursiveTimmFeatures:
    """A backbone that takes feedback of 8 channels, which it ignores at first."""
    torch.manual_seed(0)
    backbone = RecursiveTimmFeatures(name, levels, feedback_channels=8).eval()
    backbone.init_weights()
    return backbone


def feedback(side: int) -> list[torch.Tensor]:
    """Five levels, as a pyramid has them."""
    return [torch.randn(1, 8, side // stride, side // stride) for stride in (4, 8, 16, 32, 64)]


@pytest.mark.parametrize(("name", "levels"), CASES)
def test_untrained_feedback_changes_nothing(name: str, levels: tuple[int, ...]) -> None:
    backbone, images = second_look(name, levels), torch.randn(1, 3, 64, 64)
    plain = TimmFeatures(name, levels).eval()
    plain.load_state_dict(backbone.state_dict(), strict=False)
    with torch.no_grad():
        for ours, theirs in zip(backbone.rfp_forward(images, feedback(64)), plain(images), strict=True):
            torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize(("name", "levels"), CASES)
def test_feedback_of_a_level_reaches_it_and_all_that_are_coarser(name: str, levels: tuple[int, ...]) -> None:
    backbone, images, fed = second_look(name, levels), torch.randn(1, 3, 64, 64), feedback(64)
    with torch.no_grad():
        before = backbone.rfp_forward(images, fed)
        second = backbone.feedback_convs[1]
        assert isinstance(second, nn.Conv2d)
        second.weight.fill_(0.1)
        after = backbone.rfp_forward(images, fed)
    assert [bool(torch.equal(one, other)) for one, other in zip(before, after, strict=True)] == [
        True,
        True,
        False,
        False,
    ]
    torch.testing.assert_close(after[2] - before[2], second(fed[2]).detach(), rtol=1e-3, atol=1e-4)


def test_the_first_look_gives_the_image_and_takes_no_feedback() -> None:
    backbone = RecursiveTimmFeatures("resnet18", (1, 2), output_image=True)
    images = torch.randn(1, 3, 64, 64)
    assert backbone(images)[0] is images
    assert len(backbone(images)) == 3
    assert not list(backbone.feedback_convs)
