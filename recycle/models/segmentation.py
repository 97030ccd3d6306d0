"""Networks that label pixels, in one training loop with detectors: smp's and UNet 3+."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import torch
from mmdet.registry import MODELS
from mmengine.config import ConfigDict
from mmengine.model import BaseModel
from mmengine.structures import PixelData
from torch import Tensor, nn

from recycle import recipe
from recycle.errors import RecipeError
from recycle.models.encoders import encoder_arguments, encoder_mean_std, load_encoder
from recycle.models.pixel_losses import PixelLosses
from recycle.models.prerequisites import is_path, weights_name
from recycle.models.unet3plus import UNet3Plus
from recycle.models.weights import find_weights
from recycle.predictions.probabilities import IGNORED
from recycle.recipe.losses import PixelCrossEntropy, PixelLoss
from recycle.recipe.segmentation import PACKAGED_ENCODER

if TYPE_CHECKING:
    from mmdet.structures import DetDataSample

STRIDE = 32
"""Images are padded to multiples of it."""

DEFAULT_LOSSES: tuple[PixelLoss, ...] = (PixelCrossEntropy(type="cross_entropy"),)


def segmentation(settings: recipe.SMP, class_count: int, class_weights: Sequence[float] | None = None) -> ConfigDict:
    """The configuration of a segmentation network.

    Args:
        settings: The model as the recipe has it.
        class_count: Number of classes without the background, which is one more.
        class_weights: How much each class counts in the losses, the background first; all alike if None.
    """
    mean, std = encoder_mean_std(settings.encoder)
    return ConfigDict(
        type="PixelLabeller",
        architecture=settings.architecture,
        encoder=settings.encoder,
        num_classes=class_count + 1,
        losses=list(settings.losses.pixels or DEFAULT_LOSSES),
        class_weights=class_weights,
        encoder_weights=_encoder_weights(settings),
        data_preprocessor={
            "type": "DetDataPreprocessor",
            "mean": list(mean),
            "std": list(std),
            "bgr_to_rgb": True,
            "pad_size_divisor": STRIDE,
            "pad_seg": True,
            "seg_pad_value": IGNORED,
        },
    )


def _encoder_weights(settings: recipe.SMP) -> str:
    if settings.pretrained == "none" or is_path(settings.pretrained):
        return "none"
    return "packaged" if settings.encoder == PACKAGED_ENCODER else str(find_weights(weights_name(settings.encoder)))


@MODELS.register_module()
class PixelLabeller(BaseModel):
    """A network of segmentation_models.pytorch or UNet 3+, which gives every pixel the probability of each class.

    Args:
        architecture: As a recipe names it.
        encoder: As a recipe names it.
        num_classes: Number of classes, the background being class 0.
        losses: What is added up.
        class_weights: How much each class counts; all alike if None.
        encoder_weights: ImageNet weights of the encoder: "none", "packaged" or a path.
        data_preprocessor: Settings of mmdet's `DetDataPreprocessor`.

    Raises:
        RecipeError: If smp has no such encoder, or it does not go with the architecture.
        WeightsError: If the encoder's weights cannot be used.
    """

    def __init__(
        self,
        architecture: str,
        encoder: str,
        num_classes: int,
        losses: Sequence[PixelLoss],
        class_weights: Sequence[float] | None,
        encoder_weights: str,
        data_preprocessor: dict[str, Any],
    ) -> None:
        super().__init__(MODELS.build(data_preprocessor))
        self.network = build_network(architecture, encoder, num_classes, encoder_weights)
        self._losses = PixelLosses(losses, class_weights)

    def forward(
        self, inputs: Tensor, data_samples: list[DetDataSample], mode: Literal["loss", "predict", "tensor"] = "tensor"
    ) -> Any:  # noqa: ANN401 - mmengine's one entry has three results
        """Runs the network.

        Args:
            inputs: Images (B, 3, H, W), preprocessed; H and W multiples of 32.
            data_samples: Their meta information and, for the loss, `gt_sem_seg`, labels (1, H, W).
            mode: What to return.

        Returns:
            "loss": scalars whose sum is trained. "predict": the samples with `pred_sem_seg`, see `predict`.
            "tensor": logits (B, classes, H, W).
        """
        if mode == "loss":
            return self.loss(inputs, data_samples)
        if mode == "predict":
            return self.predict(inputs, data_samples)
        return self.network(inputs)

    def loss(self, inputs: Tensor, data_samples: list[DetDataSample]) -> dict[str, Tensor]:
        """Returns each loss as a scalar; of a network that gives several logits, the mean over these."""
        labels = torch.cat([sample.gt_sem_seg.sem_seg for sample in data_samples])
        if len(inputs) == 1 and self.training:
            # Pooled maps have one pixel, and a batch normalisation of one value fails; a mean stays what it is.
            inputs, labels = inputs.repeat(2, 1, 1, 1), labels.repeat(2, 1, 1)
        outputs = self.network(inputs)
        several = outputs if isinstance(outputs, list) else [outputs]
        terms = [self._losses(logits, labels) for logits in several]
        return {name: torch.stack([term[name] for term in terms]).mean() for name in terms[0]}

    def predict(self, inputs: Tensor, data_samples: list[DetDataSample]) -> list[DetDataSample]:
        """Gives each sample `pred_sem_seg`: `probabilities` (classes, h, w) float32 of the image without padding."""
        probabilities = self.network(inputs).float().softmax(dim=1)
        for sample, one in zip(data_samples, probabilities, strict=True):
            height, width = sample.img_shape[:2]
            sample.pred_sem_seg = PixelData(probabilities=one[:, :height, :width])
        return data_samples


def build_network(architecture: str, encoder: str, classes: int, encoder_weights: str = "none") -> nn.Module:
    """Builds a network of smp, or UNet 3+, that gives logits; arguments as for `PixelLabeller`.

    Raises:
        RecipeError: If smp has no such encoder, or it does not go with the architecture.
        WeightsError: If the encoder's weights cannot be used.
    """
    import segmentation_models_pytorch as smp  # noqa: PLC0415 - takes seconds to import

    arguments = encoder_arguments(encoder, encoder_weights, is_plain_transformer=architecture == "dpt")
    try:
        if architecture == "unet3plus":
            name, weights = arguments.pop("encoder_name"), arguments.pop("encoder_weights")
            network: nn.Module = UNet3Plus(smp.encoders.get_encoder(name, weights=weights, **arguments), classes)
        else:
            network = smp.create_model(architecture, classes=classes, **arguments)
    except (ValueError, TypeError, KeyError, NotImplementedError, RuntimeError) as error:
        raise RecipeError(f"architecture {architecture} cannot be built on the encoder {encoder}: {error}") from error
    load_encoder(network, encoder, encoder_weights)
    return network
