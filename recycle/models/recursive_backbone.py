"""Backbones of timm that look at an image twice, as DetectoRS' recursive feature pyramid has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmdet.registry import MODELS
from torch import Tensor, nn

from recycle.models.backbones import TimmFeatures


@MODELS.register_module()
class RecursiveTimmFeatures(TimmFeatures):
    """`TimmFeatures` in the recursive feature pyramid of DetectoRS (Qiao et al., 2021).

    What the pyramid feeds back is added, after a 1x1 convolution that begins at zero, to each feature map but the
    finest, before the network goes on from there.

    Args:
        name: The timm model.
        out_indices: Its feature levels, shallow to deep.
        feedback_channels: Channels of what is fed back; 0 in the first look, which takes none.
        output_image: Whether the image itself stands before the feature maps, as the pyramid wants it.
        **settings: Further settings of `TimmFeatures`.

    Raises:
        RecipeError: As `TimmFeatures`.
        WeightsError: As `TimmFeatures`.
    """

    def __init__(
        self,
        name: str,
        out_indices: Sequence[int],
        *,
        feedback_channels: int = 0,
        output_image: bool = False,
        **settings: Any,  # noqa: ANN401 - those of TimmFeatures
    ) -> None:
        super().__init__(name, out_indices, **settings)
        self._output_image = output_image
        self._feedback: list[Tensor] = []
        fed = self.channels[1:] if feedback_channels else []
        self.feedback_convs = nn.ModuleList(nn.Conv2d(feedback_channels, channels, 1) for channels in fed)
        for position, module in enumerate(_modules_of_levels(self.network, out_indices)[1 : len(fed) + 1]):
            module.register_forward_hook(self._adder(position))

    def init_weights(self) -> None:
        """Makes the first steps those of a network without feedback."""
        for parameter in self.feedback_convs.parameters():
            nn.init.zeros_(parameter)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Maps images (B, 3, H, W) to feature maps, after the images themselves if told so."""
        features = super().forward(images)
        return (images, *features) if self._output_image else features

    def rfp_forward(self, images: Tensor, feedback: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Looks again.

        Args:
            images: (B, 3, H, W).
            feedback: One map a level of the pyramid (B, feedback_channels, H / stride_i, W / stride_i).
        """
        self._feedback = list(feedback[1 : len(self.channels)])
        try:
            return super().forward(images)
        finally:
            self._feedback = []

    def _adder(self, position: int) -> Any:  # noqa: ANN401 - a hook of PyTorch
        def add(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:  # noqa: ANN401
            fed_back: Tensor = self.feedback_convs[position](self._feedback[position])
            return output + (fed_back.permute(0, 2, 3, 1) if self._channels_last else fed_back)

        return add


def _modules_of_levels(network: nn.Module, out_indices: Sequence[int]) -> list[nn.Module]:
    """The modules that end in each level; timm joins the parts of their names in some networks."""
    info: Any = network.feature_info
    names = [info.info[index]["module"] for index in out_indices]
    modules = dict(network.named_modules())
    return [modules.get(name) or modules[name.replace(".", "_")] for name in names]
