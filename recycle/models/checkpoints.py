"""The one way in which weights enter a process: tensors and a few plain types, never code."""

import re
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from mmengine.runner import CheckpointLoader
from numpy._core import multiarray
from torch import nn

from recycle.errors import WeightsError

# NumPy's scalars stand in the meta information of many checkpoints.
ALLOWED_TYPES: list[Any] = [multiarray.scalar, np.dtype, np.dtypes.Float64DType, np.dtypes.Int64DType]

CONVERTER = "if you trust it, jobs/convert_weights.py writes its weights as tensors alone"


def load_checkpoint(path: Path, map_location: str | torch.device = "cpu") -> dict[str, Any]:
    """Reads a checkpoint without executing anything that it holds.

    Args:
        path: A file written by torch.save, or a `.safetensors` file.
        map_location: The device of the tensors.

    Returns:
        The checkpoint; a `.safetensors` file as `{"state_dict": tensors}`.

    Raises:
        WeightsError: If the file is missing, damaged, or would have to be unpickled.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: there is no such checkpoint")
    if path.suffix == ".safetensors":
        return _load_safetensors(path, map_location)
    try:
        with torch.serialization.safe_globals(ALLOWED_TYPES):
            checkpoint = torch.load(path, map_location=map_location, weights_only=True)
    except Exception as error:  # unpickling what is damaged raises almost anything
        raise WeightsError(f"{path}: {_reason(path, error)}") from None
    if not isinstance(checkpoint, dict):
        raise WeightsError(f"{path}: a checkpoint must be a mapping, but this is a {type(checkpoint).__name__}")
    return checkpoint


def use_safe_loader() -> None:
    """Makes mmengine read every checkpoint through `load_checkpoint`; its own falls back to unpickling."""

    def load_local(filename: str, map_location: str | torch.device | None = None) -> dict[str, Any]:
        return load_checkpoint(Path(filename), map_location or "cpu")

    for prefix in list(CheckpointLoader._schemes):
        CheckpointLoader.register_scheme(prefix, load_local, force=True)


def is_detector(path: Path) -> bool:
    """Whether a checkpoint is of a whole detector of mmdet, rather than of a backbone.

    Raises:
        WeightsError: If the file cannot be loaded.
    """
    checkpoint = load_checkpoint(path)
    return any(str(name).startswith("backbone.") for name in checkpoint.get("state_dict", checkpoint))


def load_matching_weights(model: nn.Module, path: Path) -> list[str]:
    """Loads those tensors of a state dict that the model has in the same shape.

    Args:
        model: The model, changed in place.
        path: A checkpoint or a bare state dict.

    Returns:
        Names of the model's tensors that the file does not provide, as heads for other classes.

    Raises:
        WeightsError: If the file cannot be loaded, or no tensor fits.
    """
    checkpoint = load_checkpoint(path)
    offered = checkpoint.get("state_dict", checkpoint)
    if not isinstance(offered, dict):
        raise WeightsError(f"{path}: state_dict must be a mapping, but got {type(offered).__name__}")
    own = model.state_dict()
    fitting = {
        name: tensor
        for name, tensor in offered.items()
        if name in own and isinstance(tensor, torch.Tensor) and tensor.shape == own[name].shape
    }
    if not fitting:
        raise WeightsError(f"{path}: none of its {len(offered)} tensors fits the model's {len(own)}")
    model.load_state_dict(fitting, strict=False)
    return [name for name in own if name not in fitting]


def _load_safetensors(path: Path, map_location: str | torch.device) -> dict[str, Any]:
    from safetensors import SafetensorError  # noqa: PLC0415 - only where such a file is given
    from safetensors.torch import load_file  # noqa: PLC0415

    try:
        return {"state_dict": load_file(path, device=str(map_location))}
    except SafetensorError as error:
        raise WeightsError(f"{path}: not a readable safetensors file: {error}") from None


def _reason(path: Path, error: Exception) -> str:
    """Why a file cannot be loaded, in one line; PyTorch's own text advises to load it unsafely."""
    text = str(error).rpartition("WeightsUnpickler error:")[2].strip() or "it ends too early"
    called = re.search(r"GLOBAL (\S+)", text) if isinstance(error, UnpicklingError) else None
    if called is None:
        return f"not a readable checkpoint: {text.splitlines()[0]}"
    try:
        calls = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception:  # not an archive of PyTorch
        calls = [called[1]]
    advice = f"; {CONVERTER}" if any(call.startswith("ultralytics.") for call in calls) else ""
    return f"refused, as it holds more than tensors: {', '.join(sorted(calls))}{advice}"
