"""Room for switchable atrous convolutions, which look two cells beyond the border of the coarsest feature map."""

from typing import Any

import torch.nn.functional as F  # noqa: N812 - PyTorch's own name for it
from mmdet.models import DetDataPreprocessor
from mmdet.registry import MODELS

SHORTEST_SIDE = 96
"""Three cells of stride 32."""


@MODELS.register_module()
class RoomyDataPreprocessor(DetDataPreprocessor):
    """mmdet's preprocessor, whose batches are padded to at least 96 pixels on each side."""

    def forward(self, data: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """Normalises and stacks images as mmdet does, then pads them on the right and below."""
        data = super().forward(data, training)
        height, width = data["inputs"].shape[-2:]
        padding = (0, max(0, SHORTEST_SIDE - width), 0, max(0, SHORTEST_SIDE - height))
        if any(padding):
            data["inputs"] = F.pad(data["inputs"], padding, value=self.pad_value)
            for sample in data["data_samples"] or []:
                sample.set_metainfo({"batch_input_shape": tuple(data["inputs"].shape[-2:])})
        return data
