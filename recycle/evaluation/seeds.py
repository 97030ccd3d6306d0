"""Two settings that were trained with several seeds each: which is better by more than the luck of a seed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from recycle.evaluation.bootstrap import CONFIDENCE, Interval


@dataclass(frozen=True)
class SeedsComparison:
    """The mean scores of one setting and another.

    Attributes:
        scores: Of the one, by seed.
        others: Of the other, by seed.
        difference: By how much the mean of the one is higher.
        interval: Where the difference lies with 95 per cent confidence, by Welch's t-test; images are taken as given.
    """

    scores: Sequence[float]
    others: Sequence[float]
    difference: float
    interval: Interval


def compare_seeds(scores: Sequence[float], others: Sequence[float]) -> SeedsComparison:
    """Compares two settings.

    Args:
        scores: Of the one, at least two.
        others: Of the other, at least two.

    Raises:
        ValueError: If there are less.
    """
    if min(len(scores), len(others)) < 2:
        raise ValueError(f"there must be at least two scores of each, but got {len(scores)} and {len(others)}.")
    difference = float(np.mean(scores) - np.mean(others))
    if np.ptp(scores) == np.ptp(others) == 0:
        return SeedsComparison(scores, others, difference, Interval(difference, difference))
    test = stats.ttest_ind(scores, others, equal_var=False).confidence_interval(CONFIDENCE / 100)
    return SeedsComparison(scores, others, difference, Interval(float(test.low), float(test.high)))
