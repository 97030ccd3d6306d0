"""The time that several steps share."""

import time


class Countdown:
    """Counts down from now.

    Args:
        seconds: Time there is; None where there is no hurry.
    """

    def __init__(self, seconds: float | None) -> None:
        self._ends_at = None if seconds is None else time.monotonic() + seconds

    def left(self, part: float = 1.0) -> float | None:
        """Returns this part of the seconds that are left, 0 when there are none; None where there is no hurry."""
        return None if self._ends_at is None else max(0.0, self._ends_at - time.monotonic()) * part

    def is_over(self) -> bool:
        """Whether no time is left."""
        return self.left() == 0
