"""What a search over the training of a network that labels pixels may try.

Every parameter has a value that leaves the model as the recipe has it: see `start`.
"""

from typing import Any

import optuna

from recycle.recipe import Model
from search_spaces import training
from search_spaces.training import AS_IS

MIXING = ("mosaic",)
"""Averaged images have no one label for a pixel."""

REGION_LOSSES = ("jaccard", "dice", "lovasz", "tversky")
"""Of classes as a whole, close to what is scored."""

PIXELWISE_LOSSES = ("cross_entropy", "soft_cross_entropy", "label_smoothing", "focal")
"""Means over pixels, whose gradients are steadier: one of them is always among the losses."""

NONE = "none"
REGION_WEIGHTS = (0.25, 4.0)


def space(trial: optuna.Trial, model: Model) -> dict[str, Any]:
    """Suggests changes of a model.

    Args:
        trial: What suggests.
        model: The model as the recipe has it; of its phases the first tells what it has.

    Returns:
        Keys of the model and their new values; those that stay as they are are left out.
    """
    changes = {
        "optimizer": training.optimizer(trial, model),
        "losses": {**_losses(trial), **training.class_weights(trial, model)},
        "augmentations": training.augmentations(trial, model, MIXING),
        **training.scales(trial, model),
    }
    return training.only_changes(changes)


def start(model: Model) -> list[dict[str, Any]]:
    """Parameters to try first: those that leave the model as it is."""
    return [{**training.start(model, MIXING), "pixel_loss": AS_IS}]


def _losses(trial: optuna.Trial) -> dict[str, Any]:
    """A loss of pixels, beside which there may be one of regions."""
    pixelwise = trial.suggest_categorical("pixel_loss", [AS_IS, *PIXELWISE_LOSSES])
    if pixelwise == AS_IS:
        return {}
    losses: list[dict[str, Any]] = [{"type": pixelwise}]
    region = trial.suggest_categorical("region_loss", [NONE, *REGION_LOSSES])
    if region != NONE:
        weight = trial.suggest_float("region_weight", *REGION_WEIGHTS, log=True)
        losses.append({"type": region, "weight": weight})
    return {"pixels": losses}
