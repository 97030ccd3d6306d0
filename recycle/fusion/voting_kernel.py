"""The loop in which a search over voting spends its time, compiled with Numba."""

import numba
import numpy as np
import numpy.typing as npt

from recycle.compilation import compiled


@compiled(parallel=True)
def count_votes(
    votes: npt.NDArray[np.uint8], weights: npt.NDArray[np.float32], truth: npt.NDArray[np.uint8], ignored: int
) -> npt.NDArray[np.int64]:
    """Votes on the class of every pixel and counts how that compares with the truth.

    Args:
        votes: (images, models, classes, pixels); of an image that a model did not predict all 0.
        weights: (models,).
        truth: (images, pixels).
        ignored: Label of pixels that do not count.

    Returns:
        Shape (images, 3, classes): pixels of each class that are right, that were given it, and that are of it.
    """
    images, models, classes, pixels = votes.shape
    counts = np.zeros((images, 3, classes), np.int64)
    for image in numba.prange(images):
        sums = np.zeros((classes, pixels), np.float32)
        for model in range(models):
            if weights[model] > 0:
                for label in range(classes):
                    for pixel in range(pixels):
                        sums[label, pixel] += weights[model] * votes[image, model, label, pixel]
        for pixel in range(pixels):
            true = truth[image, pixel]
            if true != ignored:
                best = 0
                for label in range(1, classes):
                    if sums[label, pixel] > sums[best, pixel]:
                        best = label
                counts[image, 1, best] += 1
                counts[image, 2, true] += 1
                if best == true:
                    counts[image, 0, true] += 1
    return counts
