"""Trained networks, ready to predict."""

from pathlib import Path

import torch
from mmengine.model import BaseModel

from recycle.models.checkpoints import load_checkpoint
from recycle.models.families import build_model
from recycle.recipe import Model


def load_network(settings: Model, class_count: int, weights: Path) -> BaseModel:
    """Builds a network with trained weights, on the GPU if there is one.

    Args:
        settings: The model as the recipe has it.
        class_count: Number of classes.
        weights: A checkpoint of its training, or its weights as `.safetensors`.

    Raises:
        WeightsError: If the file cannot be loaded.
    """
    # The pretrained weights are replaced at once, and where a finished network is used they may be missing.
    network = build_model(settings.model_copy(update={"pretrained": "none"}), class_count)
    network.load_state_dict(load_checkpoint(weights)["state_dict"])
    return network.to("cuda" if torch.cuda.is_available() else "cpu")
