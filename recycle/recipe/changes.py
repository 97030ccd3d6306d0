"""A model of a recipe with other settings, as a search tries them."""

from collections.abc import Mapping
from typing import Any

from recycle.errors import RecipeError
from recycle.recipe import Model, Recipe, SmallStage
from recycle.recipe.phases import INHERITED, INHERITED_BY_PART
from recycle.recipe_violations import violations

SIDE_STEP = 32
VALIDATIONS = 8
"""Of a fold's epochs while a candidate is trained: what early stopping needs."""

Changes = Mapping[str, Any]
"""Keys of a model and their new values, as a recipe has them; of `optimizer` and `losses`, each part on its own."""


def model_named(recipe: Recipe, name: str) -> Model:
    """The model of this name.

    Raises:
        RecipeError: If there is none.
    """
    for model in recipe.models:
        if model.name == name:
            return model
    names = ", ".join(model.name for model in recipe.models)
    raise RecipeError(f"The model must be one of {names}, but got {name!r}.")


def with_changes(recipe: Recipe, name: str, changes: Changes) -> Recipe:
    """The recipe with one model changed, in all of its phases where it has some.

    Args:
        recipe: The recipe.
        name: The model's name.
        changes: What is different.

    Raises:
        RecipeError: With key, rule and value of everything that is wrong with the changes.
    """
    content = recipe.model_dump(mode="json")
    for position, model in enumerate(content["models"]):
        if model["name"] == name:
            content["models"][position] = _changed(model, changes)
    broken = list(violations(content))
    if broken:
        raise RecipeError("; ".join(violation.line for violation in broken))
    return Recipe.model_validate(content)


def with_model(recipe: Recipe, *models: Model) -> Recipe:
    """The recipe with these models alone."""
    return recipe.model_copy(update={"models": models})


def shrunk(model: Model, small: SmallStage) -> Model:
    """The model as it is while it is searched."""
    phases = tuple(phase.model_copy(update={"epochs": _fewer(phase.epochs, small)}) for phase in model.phases)
    epochs = sum(phase.epochs for phase in phases) or _fewer(model.epochs, small)
    side = max(SIDE_STEP, round(model.image_size * small.image_size / SIDE_STEP) * SIDE_STEP)
    return model.model_copy(
        update={
            "phases": phases,
            "epochs": epochs,
            "image_size": model.image_size if small.image_size == 1 else side,
            "validate_every": min(model.validate_every, max(1, epochs // VALIDATIONS)),
        }
    )


def _fewer(epochs: int, small: SmallStage) -> int:
    return max(1, round(epochs * small.epochs))


def _changed(model: Mapping[str, Any], changes: Changes) -> dict[str, Any]:
    inherited = {key: value for key, value in changes.items() if key in INHERITED}
    phases = [_merged(phase, inherited) for phase in model["phases"]]
    return {**_merged(model, changes), "phases": phases}


def _merged(settings: Mapping[str, Any], changes: Changes) -> dict[str, Any]:
    parts = {
        key: {**settings[key], **value}
        for key, value in changes.items()
        if key in INHERITED_BY_PART and isinstance(value, Mapping)
    }
    return {**settings, **changes, **parts}
