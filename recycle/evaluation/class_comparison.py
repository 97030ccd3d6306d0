"""Two competitors on the same images, class by class: which is better by more than chance."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recycle.errors import DataError
from recycle.evaluation.average_precision import class_average_precisions, drawn_average_precisions
from recycle.evaluation.bootstrap import RESAMPLES, Interval, Seed, draw_images, interval, seeds_for
from recycle.evaluation.matching import Matches


@dataclass(frozen=True)
class ClassDifference:
    """How much better one competitor finds a class than another.

    Attributes:
        label: Index into the categories; where pixels are labelled, into the labels, the background being 0.
        score: Average precision of the one, or IoU of its pixels.
        other: That of the other.
        interval: Where the difference lies, with 95 per cent confidence for all classes at once: of ten that both find
            equally well, one or the other would else be told apart in two comparisons of five.
    """

    label: int
    score: float
    other: float
    interval: Interval

    @property
    def difference(self) -> float:
        """By how much the one scores more."""
        return self.score - self.other

    @property
    def verdict(self) -> str:
        """Says "better" or "worse" where the interval excludes zero, else "not told apart"."""
        return self.interval.verdict


def compare_classes(
    matches: Matches, others: Matches, group_of: Mapping[int, int], seed: int
) -> tuple[ClassDifference, ...]:
    """Compares two competitors on each class of which there are objects.

    Args:
        matches: The one's, at one IoU threshold.
        others: The other's, of the same images, truth and threshold.
        group_of: Near-duplicate group of each image by its id; a group is drawn as a whole.
        seed: Of the draws.

    Raises:
        DataError: If they are of other images or truths.
    """
    for name in ("image_ids", "truth_images", "truth_labels"):
        if not np.array_equal(getattr(matches, name), getattr(others, name)):
            raise DataError(f"Competitors must have the same {name}, but they differ.")
    groups = np.array([group_of[image_id] for image_id in matches.image_ids.tolist()])

    def changes(seed: Seed) -> npt.NDArray[np.float64]:
        draws = draw_images(matches, groups, resamples=RESAMPLES, seed=seed)
        scores, other_scores = (drawn_average_precisions(one, draws)[0] for one in (matches, others))
        return np.asarray(scores - other_scores)

    scores, other_scores = (class_average_precisions(one)[0] for one in (matches, others))
    shown = np.flatnonzero(~np.isnan(scores)).tolist()
    samples = np.concatenate([changes(one) for one in seeds_for(len(shown), seed)], axis=1)
    return tuple(
        ClassDifference(
            label=label,
            score=float(scores[label]),
            other=float(other_scores[label]),
            interval=_interval(samples[label], len(shown)),
        )
        for label in shown
    )


def _interval(differences: npt.NDArray[np.float64], classes: int) -> Interval:
    """Draws without any object of the class show no difference: so a handful of objects is too few to tell one."""
    return interval(np.nan_to_num(differences), among=classes)
