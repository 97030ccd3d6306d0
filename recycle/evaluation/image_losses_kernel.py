"""The loops that count what perfect images would be worth, compiled with Numba."""

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from recycle.compilation import compiled
from recycle.evaluation.average_precision_kernel import interpolated


class Ranks(NamedTuple):
    """One class's detections on all images, by descending score."""

    trues: npt.NDArray[np.int64]
    """Shape (true positives,), ascending: their ranks from 0."""
    true_images: npt.NDArray[np.int64]
    """Shape (true positives,): the position of the image of each."""
    by_image: npt.NDArray[np.int64]
    """Shape (detections,): the ranks of each image's detections, ascending, one image after the other."""
    starts: npt.NDArray[np.int64]
    """Shape (images + 1,): where those of each image start."""


@compiled(parallel=True)
def perfected_average_precisions(ranks: Ranks, objects: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Counts the average precision that a class would have if one image held its objects' perfect detections alone.

    Args:
        ranks: The class's detections.
        objects: Shape (images,), how many objects of the class each image has.

    Returns:
        Shape (images,), the average precision interpolated at 101 recalls, for each image made perfect.
    """
    values = np.empty(len(objects))
    total = objects.sum()
    for image in numba.prange(len(objects)):
        own = ranks.by_image[ranks.starts[image] : ranks.starts[image + 1]]
        values[image] = _average_precision(ranks, np.int64(image), own, objects[image], total)
    return values


@compiled()
def _average_precision(ranks: Ranks, image: np.int64, own: npt.NDArray[np.int64], perfect: int, total: int) -> float:
    """Perfect detections come first; the image's own are gone, and those below them have moved up."""
    precisions = np.ones(perfect + len(ranks.trues))
    found, gone = perfect, 0
    for number in range(len(ranks.trues)):
        rank = ranks.trues[number]
        while gone < len(own) and own[gone] < rank:
            gone += 1
        if ranks.true_images[number] != image:
            found += 1
            precisions[found - 1] = found / (perfect + rank - gone + 1)
    for number in range(found - 2, -1, -1):
        precisions[number] = max(precisions[number], precisions[number + 1])
    return interpolated(np.arange(1, found + 1).astype(np.int32), precisions[:found], total)
