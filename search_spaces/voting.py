"""What a search over the votes of models that label pixels may try."""

from collections.abc import Sequence
from typing import Any

import optuna

from recycle.fusion.settings import WEIGHT_RANGE, weight_parameter
from recycle.fusion.voting import METHOD
from recycle.recipe.voting import VotingMethod


def space(trial: optuna.Trial, models: Sequence[str], methods: Sequence[VotingMethod]) -> dict[str, Any]:
    """Suggests the parameters of which `recycle.fusion.voting_objective.voting_of` makes settings.

    Args:
        trial: What suggests, and remembers what it suggested.
        models: Names of all models; a single one needs no weight.
        methods: Ways to vote to choose from, at least one.

    Returns:
        What there is no choice of.
    """
    constants = {} if len(methods) > 1 else {METHOD: methods[0]}
    if len(methods) > 1:
        trial.suggest_categorical(METHOD, methods)
    for model in models if len(models) > 1 else ():
        trial.suggest_int(weight_parameter(model), *WEIGHT_RANGE)
    return dict(constants)
