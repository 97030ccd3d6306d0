"""Weights out of files that hold more than tensors: the one place of the project that unpickles them."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from recycle.errors import WeightsError
from recycle.files import replacing
from recycle.models.ultralytics_import import import_ultralytics

PREFIX = "network."
"""Where the network stands in our models."""


def convert_ultralytics(source: Path, target: Path) -> int:
    """Writes the weights of an ultralytics checkpoint as plain tensors, under the names that our YOLO models have.

    Opening such a file executes whatever it holds: the caller has to make sure that it can be trusted.

    Args:
        source: A `.pt` file of ultralytics, for example yolov5su.pt.
        target: The `.safetensors` file to write; a recipe's `pretrained` takes it for the same family and size.

    Returns:
        Number of tensors written, floats in single precision.

    Raises:
        RecipeError: If ultralytics is not installed.
        WeightsError: If the target is no `.safetensors` file, or the source is missing, damaged or of another kind.
    """
    if target.suffix != ".safetensors":
        raise WeightsError(f"{target}: the converted weights must be a .safetensors file")
    tensors = {f"{PREFIX}{name}": _plain(tensor) for name, tensor in _network(source).state_dict().items()}
    with replacing(target) as temporary:
        save_file(tensors, temporary)
    return len(tensors)


def _network(source: Path) -> nn.Module:
    content = _unpickle(source)
    if isinstance(content, dict):
        content = content.get("ema") or content.get("model")  # the averaged weights are those that ultralytics uses
    if not isinstance(content, nn.Module):
        raise WeightsError(f"{source}: a checkpoint of ultralytics must hold a network under 'ema' or 'model'")
    return content


def _unpickle(source: Path) -> Any:  # noqa: ANN401 - the file decides
    if not source.is_file():
        raise WeightsError(f"{source}: there is no such checkpoint")
    import_ultralytics()
    try:
        return torch.load(source, map_location="cpu", weights_only=False)
    except Exception as error:  # unpickling what is damaged raises almost anything
        raise WeightsError(f"{source}: cannot be unpickled: {type(error).__name__}: {error}") from error


def _plain(tensor: Tensor) -> Tensor:
    """Half precision, in which ultralytics saves, is what a network cannot be trained in."""
    return (tensor.float() if tensor.is_floating_point() else tensor).contiguous()
