"""How long members will take: as expected from probes or estimates, corrected by what is observed while they run."""

from collections.abc import Mapping
from statistics import fmean, median

from recycle.training.progress import Progress

LEAST_STEPS = 10
"""The first steps of a process are slow, and so no measure of it."""


class Durations:
    """Expected durations of members, which what is heard of them corrects.

    What is observed of a member holds for the other members of its model too, and the median over models for
    models of which nothing was heard yet.

    Args:
        model_of: The model of each member, by its name.
        expected: Seconds that training each is expected to take, by its name.
    """

    def __init__(self, model_of: Mapping[str, str], expected: Mapping[str, float]) -> None:
        self._model_of = model_of
        self._expected = expected
        self._observed: dict[str, float] = {}
        self._part_done: dict[str, float] = {}
        self._corrections: dict[str, float] | None = {}

    def observe(self, progress: Progress) -> None:
        """Takes up what a member says of itself."""
        if not progress.steps:
            return
        self._part_done[progress.member] = progress.step / progress.steps
        steps_left = progress.steps - progress.step
        if progress.step >= LEAST_STEPS and steps_left:
            self._observed[progress.member] = progress.seconds_left / steps_left * progress.steps
            self._corrections = None

    def seconds_left(self, member: str) -> float:
        """What is left of a member's training, from its last sign of life on."""
        return self._whole(member) * (1 - self._part_done.get(member, 0.0))

    def _whole(self, member: str) -> float:
        known = self._observed.get(member)
        return known if known is not None else self._expected[member] * self._correction(self._model_of[member])

    def _correction(self, model: str) -> float:
        """Observed over expected."""
        if self._corrections is None:
            self._corrections = self._correct()
        return self._corrections.get(model, median(self._corrections.values()) if self._corrections else 1.0)

    def _correct(self) -> dict[str, float]:
        by_model: dict[str, list[float]] = {}
        for member, seconds in self._observed.items():
            by_model.setdefault(self._model_of[member], []).append(seconds / self._expected[member])
        return {model: fmean(ratios) for model, ratios in by_model.items()}
