"""Competitors on the same images: how good each is, and which is better than another by more than chance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recycle.data.coco import Dataset
from recycle.evaluation.average_precision import drawn_mean_average_precisions, mean_average_precision
from recycle.evaluation.average_precision_kernel import Draws
from recycle.evaluation.bootstrap import Interval, difference, draw_images, interval
from recycle.evaluation.matching import Matches, match
from recycle.predictions.values import Predictions
from recycle.recipe import Metric

RESAMPLES = 1000
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


class DrawnScores:
    """Scores of competitors, and those of the same draws of images."""

    def __init__(self) -> None:
        self._scores: dict[str, float] = {}
        self._samples: dict[str, npt.NDArray[np.float64]] = {}
        self._covered: dict[str, npt.NDArray[np.int64]] = {}

    def take(self, name: str, score: float, samples: npt.NDArray[np.float64], covered: npt.NDArray[np.int64]) -> None:
        """Takes up a competitor.

        Args:
            name: Its name.
            score: Its score.
            samples: Shape (resamples,), its score in each draw.
            covered: Ids of the images that it was scored on.
        """
        self._scores[name], self._samples[name], self._covered[name] = score, samples, covered

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


class Comparator(DrawnScores):
    """Rates competitors on parts of the images; a score is the mean over the parts that a competitor covers.

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
        super().__init__()
        self._truth, self._group_of, self._parts = truth, group_of, parts
        self._iou_thrs, self._seed = IOU_THRS[metric], seed
        self._draws: dict[bytes, Draws] = {}

    def add(self, name: str, predictions: Predictions) -> None:
        """Takes up a competitor: predictions of one model.

        Raises:
            DataError: If predictions do not fit the truth, see `match`.
        """
        covered = [part[np.isin(part, predictions.covered)] for part in self._parts]
        matches = [match(predictions.of_images(part), self._truth, self._iou_thrs) for part in covered if part.size]
        score = float(np.mean([mean_average_precision(one) for one in matches]))
        self.take(name, score, np.mean([self._resampled(one) for one in matches], axis=0), np.concatenate(covered))

    def _resampled(self, matches: Matches) -> npt.NDArray[np.float64]:
        """Competitors on the same images share their draws, which pairs them."""
        key = matches.image_ids.tobytes()
        if key not in self._draws:
            groups = np.array([self._group_of[image_id] for image_id in matches.image_ids.tolist()])
            self._draws[key] = draw_images(matches, groups, resamples=RESAMPLES, seed=self._seed)
        return drawn_mean_average_precisions(matches, self._draws[key])
