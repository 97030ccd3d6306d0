"""Slow, plain bilinear sampling, which the reference operators of these tests share."""

import math

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def sample_with_zeros(features: Array, y: float, x: float) -> Array:
    """Features (c, h, w) at a point, where all that lies outside the image is zero."""
    value = np.zeros(features.shape[0])
    if not (math.isfinite(y) and math.isfinite(x)):
        return value
    top, left = math.floor(y), math.floor(x)
    for row, across in ((top, top + 1 - y), (top + 1, y - top)):
        for column, along in ((left, left + 1 - x), (left + 1, x - left)):
            if 0 <= row < features.shape[1] and 0 <= column < features.shape[2]:
                value += across * along * features[:, row, column]
    return value
