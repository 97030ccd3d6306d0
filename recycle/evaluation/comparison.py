"""Competitors on the same images: how good each is, and which is better than another by more than chance."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from recycle.data.coco import Dataset
from recycle.evaluation.average_precision import drawn_mean_average_precisions, mean_average_precision
from recycle.evaluation.average_precision_kernel import Draws
from recycle.evaluation.bootstrap import RESAMPLES, Interval, Samples, Seed, difference, draw_images, interval
from recycle.evaluation.matching import Matches, match
from recycle.predictions.values import Predictions
from recycle.recipe import Metric

IOU_THRS: Mapping[Metric, tuple[float, ...]] = {
    "map50": (0.5,),
    "map75": (0.75,),
    "map": tuple(np.linspace(0.5, 0.95, 10).tolist()),
}


@dataclass(frozen=True)
class Rating:
    """A competitor's score, where it lies with 95 per cent confidence, and the number of images it was scored on."""

    score: float
    interval: Interval
    images: int


@dataclass(frozen=True)
class Comparison:
    """How much one competitor scores more than another on the same images.

    Attributes:
        name: The one.
        other: The other.
        difference: By how much the one scores more.
        interval: Where the difference lies with 95 per cent confidence.
    """

    name: str
    other: str
    difference: float
    interval: Interval

    @property
    def verdict(self) -> str:
        """Says "better" or "worse" where the interval excludes zero, else "not told apart"."""
        return self.interval.verdict


class Covering(Protocol):
    """What a competitor is scored by on some images."""

    @property
    def image_ids(self) -> npt.NDArray[np.int64]:
        """Shape (images,), which they are."""


Part = TypeVar("Part", bound=Covering)


class PartwiseComparator(ABC, Generic[Part]):
    """Rates competitors on parts of the images; a score is the mean over the parts that a competitor covers.

    Args:
        seed: Of the draws; each part has its own, else the draws of equally large parts would rise and fall together.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._scores: dict[str, float] = {}
        self._samples: dict[str, Samples] = {}
        self._covered: dict[str, npt.NDArray[np.int64]] = {}

    @abstractmethod
    def score(self, part: Part) -> float:
        """Scores a competitor on one part."""

    @abstractmethod
    def samples(self, part: Part, seed: Seed) -> Samples:
        """Scores a competitor on draws of a part's images, which depend on nothing but these images and the seed."""

    def take(self, name: str, parts: Sequence[Part]) -> None:
        """Takes up a competitor.

        Args:
            name: Its name.
            parts: What it is scored by on every part, in their order; empty of a part that it does not cover.
        """
        own = [(part, (self._seed, number)) for number, part in enumerate(parts) if len(part.image_ids)]
        self._scores[name] = float(np.mean([self.score(part) for part, _ in own]))
        self._samples[name] = np.mean([self.samples(part, seed) for part, seed in own], axis=0)
        self._covered[name] = np.concatenate([part.image_ids for part, _ in own])

    def rate(self) -> dict[str, Rating]:
        """Returns the ratings of all competitors in the order in which they were taken up."""
        return {
            name: Rating(score, interval(self._samples[name]), len(self._covered[name]))
            for name, score in self._scores.items()
        }

    def compare(self, pairs: Sequence[tuple[str, str]]) -> tuple[Comparison, ...]:
        """Compares those pairs of competitors that cover the same images."""
        return tuple(
            Comparison(
                name,
                other,
                self._scores[name] - self._scores[other],
                difference(self._samples[name], self._samples[other]),
            )
            for name, other in pairs
            if np.array_equal(self._covered[name], self._covered[other])
        )


class Comparator(PartwiseComparator[Matches]):
    """Rates competitors by mean average precision.

    Args:
        truth: The data set, which may hold further images.
        group_of: Near-duplicate group of each image by its id; a group is drawn as a whole.
        parts: Ids of the images of each part, the folds for example; one part pools all images.
        metric: What is scored.
        seed: Of the draws.
    """

    def __init__(
        self,
        truth: Dataset,
        group_of: Mapping[int, int],
        parts: Sequence[npt.NDArray[np.int64]],
        metric: Metric,
        seed: int,
    ) -> None:
        super().__init__(seed)
        self._truth, self._group_of, self._parts = truth, group_of, parts
        self._iou_thrs = IOU_THRS[metric]
        self._draws: dict[tuple[bytes, Seed], Draws] = {}

    def add(self, name: str, predictions: Predictions) -> None:
        """Takes up a competitor: predictions of one model.

        Raises:
            DataError: If predictions do not fit the truth, see `match`.
        """
        self.take(name, [match(predictions.of_images(part), self._truth, self._iou_thrs) for part in self._parts])

    def score(self, part: Matches) -> float:
        """Returns the mean average precision."""
        return mean_average_precision(part)

    def samples(self, part: Matches, seed: Seed) -> Samples:
        """Returns that of each draw; competitors on the same images share their draws, which pairs them."""
        key = part.image_ids.tobytes(), seed
        if key not in self._draws:
            groups = np.array([self._group_of[image_id] for image_id in part.image_ids.tolist()])
            self._draws[key] = draw_images(part, groups, resamples=RESAMPLES, seed=seed)
        return drawn_mean_average_precisions(part, self._draws[key])
