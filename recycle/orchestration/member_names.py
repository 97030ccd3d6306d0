"""How members are called, and which there are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from recycle.recipe import ALL_DATA_SUFFIX, MEMBER_SEPARATOR, Fold, Model, Recipe


@dataclass(frozen=True)
class MemberIdentity:
    """Which member it is.

    Attributes:
        round_index: Its round.
        model: Its model as that round trains it.
        fold: The fold that it never sees, or `all`.
    """

    round_index: int
    model: Model
    fold: Fold

    @property
    def name(self) -> str:
        """The member's name."""
        return member_name(self.model, self.fold)


def members_of(recipe: Recipe, rounds: int = 0) -> Iterator[MemberIdentity]:
    """All members, in the order of rounds, models and folds.

    Args:
        recipe: The recipe.
        rounds: How many rounds of pseudo labels there are.
    """
    for round_index in range(rounds + 1):
        for model in recipe.models_in(round_index):
            for fold in folds_of(model, recipe):
                yield MemberIdentity(round_index, model, fold)


def member_names(recipe: Recipe, rounds: int = 0) -> list[str]:
    """The names of all members, in the order of `members_of`."""
    return [member.name for member in members_of(recipe, rounds)]


def folds_of(model: Model, recipe: Recipe) -> Sequence[Fold]:
    """The folds that members of a model are trained for."""
    return model.folds or range(recipe.data.folds)


def member_name(model: Model, fold: Fold) -> str:
    """The name of a member."""
    return model.name + (ALL_DATA_SUFFIX if fold == "all" else f"{MEMBER_SEPARATOR}{fold}")
