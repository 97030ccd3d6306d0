"""How members are called, and which there are."""

from collections.abc import Sequence

from recycle.recipe import ALL_DATA_SUFFIX, MEMBER_SEPARATOR, Fold, Model, Recipe


def member_names(recipe: Recipe) -> list[str]:
    """The names of all members, in the order of models and folds."""
    return [member_name(model, fold) for model in recipe.models for fold in folds_of(model, recipe)]


def folds_of(model: Model, recipe: Recipe) -> Sequence[Fold]:
    """The folds that members of a model are trained for."""
    return model.folds or range(recipe.data.folds)


def member_name(model: Model, fold: Fold) -> str:
    """The name of a member."""
    return model.name + (ALL_DATA_SUFFIX if fold == "all" else f"{MEMBER_SEPARATOR}{fold}")
