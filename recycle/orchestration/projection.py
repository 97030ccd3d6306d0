"""What a training will score at its end, judged by how it went so far."""

import math
from collections.abc import Mapping

import numpy as np


def project(curve: Mapping[int, float], epochs: int) -> float | None:
    """Expects the score after the last epoch.

    A line through the later half of the scores over the logarithm of epochs is drawn on to the end. As curves flatten,
    that is more than most will reach, so that few are given up that would have become good. It never falls below the
    best score so far.

    Args:
        curve: Score by epoch, from 1.
        epochs: Epochs in all; a curve that has reached them is its last score.

    Returns:
        The score, or None with less than two scores before the end.
    """
    steps = sorted(curve)
    if steps and steps[-1] >= epochs:
        return curve[steps[-1]]
    if len(steps) < 2:
        return None
    late = steps[min(len(steps) // 2, len(steps) - 2) :]
    slope, level = np.polyfit(np.log(late), [curve[step] for step in late], 1)
    return float(min(1.0, max(level + slope * math.log(epochs), *curve.values())))
