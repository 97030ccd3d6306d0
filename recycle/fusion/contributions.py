"""What each model brings to an ensemble, and what one more would."""

from dataclasses import dataclass

import numpy as np

from recycle.fusion.objective import Objective
from recycle.fusion.settings import EnsembleSettings

MOST_SETS = 150
"""Sets of models that `grow` scores at most, if there are not more models than that."""


@dataclass(frozen=True)
class Growth:
    """How the score grows with the number of models, over random orders of adding them.

    Attributes:
        means: Mean score of one model, of two, and so on to all.
        deviations: Standard deviation of these scores over the orders.
        gain: Mean of what the last model brought: what one more of their kind can bring at most, as gains shrink.
        gain_deviation: Its standard deviation over the orders.
    """

    means: tuple[float, ...]
    deviations: tuple[float, ...]
    gain: float
    gain_deviation: float


def leave_one_out(objective: Objective, settings: EnsembleSettings) -> dict[str, float]:
    """Returns by how much the score of an ensemble exceeds that without each of its models, other settings alike.

    Args:
        objective: What scores.
        settings: The ensemble; models of weight 0 are not in it. The gain of its only model is its score.

    Raises:
        RecipeError: If the settings do not fit the models.
        DataError: If a label is not that of a class.
    """
    chosen = _chosen(objective, settings)
    if len(chosen) == 1:
        return {chosen[0]: objective(settings)}
    whole = objective(settings)
    return {
        name: whole - objective(settings.with_models([other for other in chosen if other != name], objective.models))
        for name in chosen
    }


def grow(objective: Objective, settings: EnsembleSettings, seed: int) -> Growth:
    """Scores ensembles of growing numbers of models, added in random orders, other settings alike.

    Args:
        objective: What scores.
        settings: The ensemble; models of weight 0 are not in it. The gain of its only model is its score.
        seed: Of the orders.

    Raises:
        RecipeError: If the settings do not fit the models.
        DataError: If a label is not that of a class.
    """
    chosen = _chosen(objective, settings)
    known: dict[frozenset[str], float] = {frozenset(): 0.0}

    def score(names: frozenset[str]) -> float:
        if names not in known:
            known[names] = objective(settings.with_models(names, objective.models))
        return known[names]

    rng = np.random.default_rng(seed)
    orders = [rng.permutation(chosen).tolist() for _ in range(max(MOST_SETS // len(chosen), 1))]
    scores = np.array([[score(frozenset(order[:end])) for end in range(len(chosen) + 1)] for order in orders])
    gains = scores[:, -1] - scores[:, -2]
    return Growth(
        means=tuple(scores[:, 1:].mean(axis=0).tolist()),
        deviations=tuple(scores[:, 1:].std(axis=0).tolist()),
        gain=float(gains.mean()),
        gain_deviation=float(gains.std()),
    )


def _chosen(objective: Objective, settings: EnsembleSettings) -> list[str]:
    return [name for name, weight in settings.weight_of(objective.models).items() if weight > 0]
