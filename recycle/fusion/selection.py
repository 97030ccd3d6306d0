"""Which models to fuse: greedy forward selection, as Caruana et al. (https://doi.org/10.1145/1015330.1015432) do."""

from dataclasses import dataclass

from recycle.fusion.countdown import Countdown
from recycle.fusion.objective import Objective
from recycle.fusion.settings import DEFAULTS, EnsembleSettings


@dataclass(frozen=True)
class Selection:
    """The models in the order in which they were added, and how far that paid.

    Attributes:
        names: All models, or as many as there was time for.
        scores: Score of the first model, of the first two, and so on.
        settings: Settings that fuse the best of these prefixes, the shortest on a tie.
    """

    names: tuple[str, ...]
    scores: tuple[float, ...]
    settings: EnsembleSettings

    @property
    def chosen(self) -> tuple[str, ...]:
        """The best prefix."""
        return self.names[: self.scores.index(max(self.scores)) + 1]


def select_greedily(
    objective: Objective, settings: EnsembleSettings = DEFAULTS, time_budget_s: float | None = None
) -> Selection:
    """Begins with the best model and adds, one by one, that with which the score is highest, to the very last.

    Equal scores go to the model that comes first in the objective's order. Of n models n (n + 1) / 2 sets are scored.

    Args:
        objective: What scores.
        settings: How to fuse; weights are equal whatever these say.
        time_budget_s: Adds no further model after so many seconds; the first is there whatever it takes.

    Raises:
        RecipeError: If the settings do not fit the models.
        DataError: If a label is not that of a class.
    """
    countdown = Countdown(time_budget_s)
    names: list[str] = []
    scores: list[float] = []

    def equal(chosen: list[str]) -> EnsembleSettings:
        return settings.with_weights(dict.fromkeys(chosen, 1.0), objective.models)

    while len(names) < len(objective.models) and not (names and countdown.is_over()):
        left = [name for name in objective.models if name not in names]
        tried = [objective(equal([*names, name])) for name in left]
        scores.append(max(tried))
        names.append(left[tried.index(scores[-1])])
    best = scores.index(max(scores)) + 1
    return Selection(tuple(names), tuple(scores), equal(names[:best]))
