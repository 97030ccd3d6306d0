"""UNet 3+ (Huang et al., 2020, https://arxiv.org/abs/2004.08790): every decoder stage sees all scales.

A stage of stride 2^i joins the encoder's maps of strides up to its own, pooled, and the decoder's maps of larger
strides, enlarged, each brought to the same number of channels. While training every stage gives logits (deep
supervision).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - PyTorch's own name for it
from torch import Tensor, nn

BRANCH_CHANNELS = 64
"""Channels that each scale contributes to a stage, as in the paper."""


class UNet3Plus(nn.Module):
    """UNet 3+ on an encoder with feature maps of strides 2, 4, 8, 16, 32.

    Args:
        encoder: Gives a list of feature maps, shallow to deep, the first of which is the image; has `out_channels`.
        classes: Number of classes.
        branch_channels: Channels that each scale contributes to a stage.
    """

    def __init__(self, encoder: nn.Module, classes: int, branch_channels: int = BRANCH_CHANNELS) -> None:
        super().__init__()
        self.encoder = encoder
        used = [level for level, channels in enumerate(_channels(encoder)) if level > 0 and channels > 0]
        self._levels = used
        channels = [_channels(encoder)[level] for level in used]
        joined = branch_channels * len(used)
        self.stages = nn.ModuleList(
            FullScaleStage(stage, channels, joined, branch_channels) for stage in range(len(used) - 1)
        )
        self.heads = nn.ModuleList(
            nn.Conv2d(joined if stage < len(used) - 1 else channels[-1], classes, 3, padding=1)
            for stage in range(len(used))
        )

    def forward(self, images: Tensor) -> Tensor | list[Tensor]:
        """Gives logits (B, classes, H, W) of images (B, 3, H, W); while training a list of them, the finest first."""
        features = self.encoder(images)
        maps: list[Tensor] = [features[level] for level in self._levels]
        decoded: list[Tensor] = [maps[-1]]
        for stage in reversed(range(len(maps) - 1)):
            decoded.insert(0, self.stages[stage](maps[: stage + 1], decoded))
        heads = list(self.heads) if self.training else [self.heads[0]]
        logits = [_enlarge(head(one), images) for head, one in zip(heads, decoded, strict=False)]
        return logits if self.training else logits[0]


class FullScaleStage(nn.Module):
    """One stage of the decoder.

    Args:
        stage: Its place among the encoder's maps, 0 being the finest.
        channels: Those of the encoder's maps, finest first.
        joined: Those of every stage.
        branch_channels: Those that each scale contributes.
    """

    def __init__(self, stage: int, channels: Sequence[int], joined: int, branch_channels: int) -> None:
        super().__init__()
        finer = list(channels[: stage + 1])
        coarser = [joined] * (len(channels) - stage - 2) + [channels[-1]]
        self.branches = nn.ModuleList(_block(count, branch_channels) for count in (*finer, *coarser))
        self.fuse = _block(joined, joined)

    def forward(self, finer: Sequence[Tensor], coarser: Sequence[Tensor]) -> Tensor:
        """Joins the encoder's maps up to this stage's size, which is the last one's, and the coarser decoded ones."""
        size = finer[-1].shape[-2:]
        scaled = [
            *(F.adaptive_max_pool2d(one, (int(size[0]), int(size[1]))) for one in finer[:-1]),
            finer[-1],
            *(_resize(one, size) for one in coarser),
        ]
        branches = [branch(one) for branch, one in zip(self.branches, scaled, strict=True)]
        fused: Tensor = self.fuse(torch.cat(branches, dim=1))
        return fused


def _block(inside: int, outside: int) -> nn.Sequential:
    convolution = nn.Conv2d(inside, outside, 3, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outside), nn.ReLU(inplace=True))


def _enlarge(logits: Tensor, images: Tensor) -> Tensor:
    return _resize(logits, images.shape[-2:])


def _resize(one: Tensor, size: Sequence[int]) -> Tensor:
    return F.interpolate(one, size=tuple(size), mode="bilinear", align_corners=False)


def _channels(encoder: Any) -> list[int]:  # noqa: ANN401 - smp's encoders share no base
    return list(encoder.out_channels)
