"""Confidence intervals of mAP and of differences between competitors, by resampling the images.

Groups of images are drawn with replacement, as many as there are, and all competitors are scored on the same draws
(the paired bootstrap of Efron and Tibshirani, An Introduction to the Bootstrap, 1993): what makes a draw easy makes it
easy for all, and falls out of their difference.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recycle.errors import DataError
from recycle.evaluation.average_precision import make_draws
from recycle.evaluation.average_precision_kernel import Draws
from recycle.evaluation.matching import Matches

CONFIDENCE = 95.0
"""Per cent."""

RESAMPLES = 1000
"""For an interval that is looked at by itself; and for others the draws that are in memory at a time."""

FEWEST_BEYOND = 5
"""Draws beyond each end of an interval, of which the end is told."""

Samples = npt.NDArray[np.float64]
"""Shape (resamples,), one competitor's mAP in each resample."""

Seed = int | tuple[int, int]
"""Equal seeds give equal draws; (seed, 0) is the same as the seed alone."""


@dataclass(frozen=True)
class Interval:
    """Where a value lies with 95 per cent confidence."""

    low: float
    high: float

    @property
    def verdict(self) -> str:
        """Of a difference: says "better" or "worse" where the interval excludes zero, else "not told apart"."""
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "not told apart"


def draw_images(
    matches: Matches, groups: npt.NDArray[np.int64] | None = None, *, resamples: int = RESAMPLES, seed: Seed = 0
) -> Draws:
    """Draws images for `drawn_mean_average_precisions`, where competitors on the same images come one by one.

    Args:
        matches: Any competitor's.
        groups: Shape (images,), any number for each image; images of one number, near-duplicates for example, are
            drawn together. By default each image is drawn on its own.
        resamples: How many draws, at least 1.
        seed: Equal seeds give equal draws.

    Raises:
        DataError: If there is not one group for each image, or there is no resample.
    """
    if resamples < 1:
        raise DataError(f"resamples must be at least 1, but got resamples={resamples}.")
    images = len(matches.image_ids)
    return make_draws(matches, image_counts(np.arange(images) if groups is None else groups, images, resamples, seed))


def seeds_for(among: int, seed: int) -> list[Seed]:
    """Returns a seed for each `RESAMPLES` draws that intervals which are looked at together need.

    Args:
        among: How many intervals, see `interval`: the more there are, the fewer draws lie beyond an end.
        seed: Of all draws.
    """
    needed = FEWEST_BEYOND * max(among, 1) / ((100 - CONFIDENCE) / 2 / 100)
    return [(seed, part) for part in range(max(1, math.ceil(needed / RESAMPLES)))]


def interval(samples: Samples, *, among: int = 1) -> Interval:
    """Returns the interval between the percentiles that leave out as much below as above.

    Args:
        samples: One competitor's, or differences.
        among: How many intervals are looked at together; they are as much wider as makes all of them hold at once with
            95 per cent confidence (Bonferroni's correction), of as many draws as `seeds_for` tells.

    Average precision of a draw flatters a little, as its interpolation takes the highest of noisy precisions: of some
    hundred images the interval of one competitor lies slightly high and holds the true value in about 93 per cent of
    all cases. In a difference that cancels out.
    """
    left_out = (100 - CONFIDENCE) / 2 / among
    low, high = np.percentile(samples, [left_out, 100 - left_out]).tolist()
    return Interval(low, high)


def difference(samples: Samples, others: Samples) -> Interval:
    """Returns the interval of how much one competitor scores more than another, both of the same resamples.

    Raises:
        DataError: If they are not equally many.
    """
    if samples.shape != others.shape:
        raise DataError(f"Samples must be of the same resamples, but got {len(samples)} and {len(others)}.")
    return interval(samples - others)


def image_counts(groups: npt.NDArray[np.int64], images: int, resamples: int, seed: Seed) -> npt.NDArray[np.int32]:
    """Draws images, those of a group together.

    Args:
        groups: Shape (images,), as for `draw_images`.
        images: Number of images.
        resamples: How many draws.
        seed: Equal seeds give equal draws.

    Returns:
        Shape (resamples, images): how often each image is drawn.

    Raises:
        DataError: If there is not one group for each image.
    """
    if groups.shape != (images,):
        raise DataError(f"Groups must be one for each of {images} images, but got shape {groups.shape}.")
    names, group_of = np.unique(groups, return_inverse=True)
    rng, number = np.random.default_rng(seed), len(names)
    counts = np.empty((resamples, images), np.int32)
    for row in counts:
        row[:] = np.bincount(rng.integers(0, max(number, 1), number), minlength=number)[group_of]
    return counts
