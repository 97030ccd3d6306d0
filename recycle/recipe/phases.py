"""The parts of a training that may differ from phase to phase."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Field, field_validator

from recycle.recipe.augmentations import DEFAULT_AUGMENTATIONS, Augmentation, require_order
from recycle.recipe.losses import Losses
from recycle.recipe.optimizers import Averaging, MultiScale, Optimizer
from recycle.recipe.settings import Settings


class Phase(Settings):
    """Some epochs of a training under one set of settings.

    What a phase does not say is as the model has it; of `optimizer` and `losses`, each part on its own. A phase begins
    with the weights that the one before it would predict with, a fresh optimiser and the beginning of its schedule.
    """

    epochs: int = Field(ge=1)
    """Passes over the training part of a fold."""
    optimizer: Optimizer = Optimizer()
    """The optimiser and its learning rate's course."""
    losses: Losses = Losses()
    """What is made small; the family's own losses unless told otherwise."""
    augmentations: tuple[Augmentation, ...] = DEFAULT_AUGMENTATIONS
    """Applied to training images in this order."""
    multi_scale: MultiScale | None = None
    """Draws the image size anew for each batch."""
    averaging: Averaging | None = None
    """The average of the weights that predicts instead of the last ones."""

    @field_validator("augmentations")
    @classmethod
    def _order_makes_sense(cls, augmentations: tuple[Augmentation, ...]) -> tuple[Augmentation, ...]:
        require_order(augmentations)
        return augmentations


INHERITED = ("optimizer", "losses", "augmentations", "multi_scale", "averaging")
INHERITED_BY_PART = ("optimizer", "losses")


def inherit(phase: Any, model: Mapping[str, Any]) -> Any:  # noqa: ANN401 - what YAML holds, before validation
    """Adds to a phase, as YAML holds it, what it leaves to the model.

    Args:
        phase: The phase; anything but a mapping is returned as it is.
        model: Validated settings of the model by key; those that are not valid are missing.
    """
    if not isinstance(phase, Mapping):
        return phase
    known = {key: model[key] for key in INHERITED if key in model}
    parts = {
        key: {**_said(known[key]), **phase[key]}
        for key in INHERITED_BY_PART
        if key in known and isinstance(phase.get(key), Mapping)
    }
    return {**known, **phase, **parts}


def _said(settings: BaseModel) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in type(settings).model_fields}
