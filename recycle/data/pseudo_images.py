"""Pseudo-labelled images beside the labelled ones of a training: which are seen when."""

from dataclasses import dataclass

import numpy as np

from recycle.data.coco import Dataset
from recycle.recipe import PseudoMixing


def places(labelled: int, mixing: PseudoMixing, share: float) -> int:
    """How many images of an epoch are pseudo-labelled ones, beside so many labelled images."""
    return 0 if mixing == "mixup" else max(1, round(labelled * share / (1 - share)))


@dataclass(frozen=True)
class PseudoImages:
    """Images with labels that an ensemble gave them, to be trained on beside others.

    Attributes:
        dataset: The images, at least one.
        mixing: Whether they are averaged with labelled images or stand beside them.
        share: Part of an epoch's images that are mixed with one, or that are such images themselves; between 0 and 1.
    """

    dataset: Dataset
    mixing: PseudoMixing
    share: float

    def places(self, labelled: int) -> int:
        """How many images of an epoch are pseudo-labelled ones, beside so many labelled images."""
        return places(labelled, self.mixing, self.share)

    def at(self, place: int, places: int, epoch: int, seed: int) -> int:
        """Which image stands in a place of an epoch: each is seen once before any is seen again.

        Args:
            place: From 0.
            places: How many places an epoch has.
            epoch: From 0.
            seed: Of the order.

        Returns:
            The image's position in the data set.
        """
        count = len(self.dataset.images)
        turn, position = divmod(epoch * places + place, count)
        return int(np.random.default_rng((seed, turn)).permutation(count)[position])
