"""Sorts that keep the order of equals, for compiled loops and without the detours of a general one."""

import numpy as np
import numpy.typing as npt

from recycle.compilation import compiled


@compiled()
def stable_order(keys: npt.NDArray[np.int64], order: npt.NDArray[np.int64], bins: int) -> npt.NDArray[np.int64]:
    """Sorts rows by small integers and keeps the order of equal ones.

    Args:
        keys: Shape (n,), the key of each row, from 0 to below `bins`.
        order: Shape (n,), the rows in their present order.
        bins: How many keys there may be.
    """
    places = np.zeros(bins + 1, np.int64)
    for key in keys:
        places[key + 1] += 1
    for key in range(bins):
        places[key + 1] += places[key]
    ordered = np.empty(len(order), np.int64)
    for row in order:
        ordered[places[keys[row]]] = row
        places[keys[row]] += 1
    return ordered


@compiled()
def ascending_order(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Returns the order of ascending scores, equal ones as they stand.

    NumPy has such a sort too, but Numba takes seconds to compile it.
    """
    count, width = len(scores), 1
    order, merged = np.arange(count), np.empty(count, np.int64)
    while width < count:
        for start in range(0, count, 2 * width):
            _merge(scores, order, merged, start, min(start + width, count), min(start + 2 * width, count))
        order, merged = merged, order
        width *= 2
    return order


@compiled()
def _merge(
    scores: npt.NDArray[np.float64],
    order: npt.NDArray[np.int64],
    merged: npt.NDArray[np.int64],
    left: int,
    middle: int,
    end: int,
) -> None:
    right = middle
    for place in range(left, end):
        if left < middle and (right == end or scores[order[left]] <= scores[order[right]]):
            merged[place] = order[left]
            left += 1
        else:
            merged[place] = order[right]
            right += 1
