"""What a search over the training of a detector may try.

Every parameter has a value that leaves the model as the recipe has it: see `start`.
"""

from typing import Any

import optuna

from recycle.recipe import Model
from search_spaces import training
from search_spaces.training import AS_IS

MIXING = ("mosaic", "mixup")


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
        "losses": _losses(trial, model),
        "augmentations": training.augmentations(trial, model, MIXING),
        **training.scales(trial, model),
    }
    return training.only_changes(changes)


def start(model: Model) -> list[dict[str, Any]]:
    """Parameters to try first: those that leave the model as it is."""
    return [{**training.start(model, MIXING), "classification_losses": AS_IS, "box_loss": AS_IS}]


def _losses(trial: optuna.Trial, model: Model) -> dict[str, Any]:
    usable = model.usable_losses
    changes: dict[str, Any] = {}
    if len(usable.classification) > 1 and _suggests_other(trial, "classification_losses"):
        heads = range(1, model.box_heads + 1)
        changes["classification"] = [
            {"type": trial.suggest_categorical(f"loss_of_head_{head}", usable.classification)} for head in heads
        ]
    if usable.box:
        box = trial.suggest_categorical("box_loss", [AS_IS, *usable.box])
        changes |= {} if box == AS_IS else {"box": box}
    return {**changes, **training.class_weights(trial, model)}


def _suggests_other(trial: optuna.Trial, name: str) -> bool:
    return bool(trial.suggest_categorical(name, [AS_IS, "other"]) != AS_IS)
