"""What a member says of itself while it trains."""

from collections.abc import Callable
from dataclasses import dataclass

from recycle.recipe.settings import MAIN_SCORES, SCORE_TITLES


@dataclass(frozen=True)
class Progress:
    """Where a member's training stands.

    Attributes:
        member: The member's name.
        epoch: The running epoch, from 1.
        epochs: Epochs in all.
        step: Steps done since training began, over all epochs.
        steps: Steps in all.
        loss: Loss of the latest step.
        score: Latest validation score; negative before the first validation.
        seconds_left: Expected from the speed since this process began.
        host: Where it runs.
        score_title: What the score is.
    """

    member: str
    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    score: float
    seconds_left: float
    host: str
    score_title: str = SCORE_TITLES[MAIN_SCORES["detection"]]


Report = Callable[[Progress], None]
