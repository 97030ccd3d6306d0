"""How a training search divides its time between trials and finals, by what trials were measured to take."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from recycle.orchestration.expectation import expected_seconds_an_image
from recycle.orchestration.finals import FinalsEnd, FinalsPlan, plan_finals, seconds_of
from recycle.recipe import Model, Search
from recycle.recipe.changes import shrunk
from recycle.report.training_search import TrialRecord

FINALS_PART = 0.5
"""Of the time there is, the most that is kept for training the best at full size."""

SLACK = 1.15
"""Trainings take that much longer than planned now and then."""

CLOSING_PART, CLOSING_SECONDS = 0.05, 20.0
"""Of the time there is, what is kept for the report, and the most of it."""


@dataclass(frozen=True)
class SearchTime:
    """The time of a search.

    Attributes:
        began: When it began, on the monotonic clock.
        seconds: Time there is in all; infinity where there is no hurry.
        search: What the recipe says of the search.
        model: The searched model.
    """

    began: float
    seconds: float
    search: Search
    model: Model

    @property
    def ends_at(self) -> float:
        """When training must be over, on the monotonic clock."""
        return self.began + self.seconds - min(self.seconds * CLOSING_PART, CLOSING_SECONDS)

    @property
    def wanted(self) -> FinalsPlan:
        """The finals that the recipe asks for."""
        return FinalsPlan(self.search.finalists, self.search.seeds)

    def reserve(self, seconds_a_trial: float | None, side_by_side: int) -> float:
        """Seconds to keep for finals: what they will take, but no more than their part."""
        if self.seconds == math.inf:
            return 0.0
        most = self.seconds * FINALS_PART
        if seconds_a_trial is None:
            return most
        return min(most, seconds_of(self.wanted, self.seconds_at_full_size(seconds_a_trial), side_by_side))

    def finals(self, seconds_a_trial: float | None, side_by_side: int) -> FinalsPlan:
        """The finals that there is time for now."""
        if self.seconds == math.inf:
            return self.wanted
        if seconds_a_trial is None:
            return FinalsPlan(0, 0)
        left = self.ends_at - time.monotonic()
        return plan_finals(self.wanted, left, self.seconds_at_full_size(seconds_a_trial), side_by_side)

    def seeds(self, seconds_a_training: float, side_by_side: int) -> int:
        """Seeds for which there is time now, at least two; 0 where there is time for less.

        Args:
            seconds_a_training: What the first finals were measured to take.
            side_by_side: How many are trained at a time.
        """
        left = self.ends_at - time.monotonic()
        fitting = (
            count
            for count in range(self.search.seeds, 1, -1)
            if math.ceil(2 * count / side_by_side) * seconds_a_training <= left
        )
        return next(fitting, 0)

    def end_of_finals(self, seconds_a_trial: float | None) -> FinalsEnd | None:
        """When finals must be over; None where there is no hurry, or nothing was measured."""
        if self.seconds == math.inf or seconds_a_trial is None:
            return None
        return FinalsEnd(self.ends_at, self.seconds_at_full_size(seconds_a_trial) / len(self.search.folds))

    def seconds_at_full_size(self, seconds_a_trial: float) -> float:
        """From what trials took and how much more a full training has to compute."""
        small = self.search.small
        ratio = _cost(self.model) / (_cost(shrunk(self.model, small)) * small.data_fraction)
        return SLACK * seconds_a_trial * ratio


def seconds_known(trials: Sequence[TrialRecord], steps: int) -> float | None:
    """The longest that a whole trial took in earlier parts of a search; None if nobody knows.

    Args:
        trials: Its trials.
        steps: Epochs of a whole trial.
    """
    return max((trial.seconds / max(trial.curve) * steps for trial in trials if trial.curve), default=None)


def time_remarks(wanted: FinalsPlan, planned: FinalsPlan) -> list[str]:
    """What there was no time for, in a line; none if there was time for all."""
    if planned == wanted:
        return []
    return [
        f"There was time for {planned.finalists} of {wanted.finalists} finalists at full size and for "
        f"{planned.seeds} of {wanted.seeds} seeds."
    ]


def _cost(model: Model) -> float:
    return sum(expected_seconds_an_image(phase) * phase.epochs for phase in model.in_phases())
