"""The time that trials have: what is started is what can finish, by measured step times."""

import math
import time
from collections.abc import Callable

Reserve = Callable[[float | None], float]
"""Seconds to keep for what follows the trials, by the seconds that a whole trial takes, None before that is known."""


class TrialBudget:
    """Tells how long trials take, and whether one more can finish.

    Args:
        steps: Of a whole trial.
        ends_at: When all must be over, on the monotonic clock; infinity where there is no hurry.
        reserve: Of this time, what is kept for later.
    """

    def __init__(self, steps: int, ends_at: float = math.inf, reserve: Reserve = lambda seconds: 0.0) -> None:
        self._steps, self._ends_at, self._reserve = steps, ends_at, reserve
        self._began: dict[str, float] = {}
        self._reports: dict[str, tuple[tuple[int, float], tuple[int, float]]] = {}

    def start(self, trial_id: str) -> None:
        """Starts the clock of a trial."""
        self._began[trial_id] = time.monotonic()

    def measure(self, trial_id: str, step: int) -> None:
        """Takes the time of a trial that has come so far."""
        now = step, self.elapsed(trial_id)
        self._reports[trial_id] = self._reports.get(trial_id, (now, now))[0], now

    def elapsed(self, trial_id: str) -> float:
        """Seconds since a trial began."""
        return time.monotonic() - self._began[trial_id]

    @property
    def seconds_a_trial(self) -> float | None:
        """The longest that a whole trial takes as far as is known; a single report counts its start for every step."""
        seconds = [whole_seconds(first, last, self._steps) for first, last in self._reports.values() if first != last]
        rough = [whole_seconds(first, last, self._steps) for first, last in self._reports.values()]
        return max(seconds or rough, default=None)

    @property
    def trials_end_at(self) -> float:
        """When the last trial must be over."""
        return self._ends_at - self._reserve(self.seconds_a_trial)

    def admits_another(self) -> bool:
        """Whether a whole trial that starts now will be over in time; of the first, nobody knows."""
        return time.monotonic() + (self.seconds_a_trial or 0.0) <= self.trials_end_at

    def is_over(self) -> bool:
        """Whether the time of trials is over."""
        return time.monotonic() >= self.trials_end_at


def whole_seconds(first: tuple[int, float], last: tuple[int, float], steps: int) -> float:
    """What a trial takes that was at two steps after so many seconds: what lies between tells its speed."""
    (step, seconds), (later_step, later_seconds) = first, last
    if later_step == step:
        return seconds / step * steps
    return seconds + (later_seconds - seconds) / (later_step - step) * (steps - step)
