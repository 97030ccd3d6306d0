"""Intersection over union of label maps, from counts of pixels that are kept for each image.

A class's IoU is that of its pixels in all images together, as in the reference competition; mIoU is its mean over the
classes that occur in truth or prediction. Pixels whose true label is `IGNORED` do not count.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from recycle.errors import DataError
from recycle.evaluation.bootstrap import RESAMPLES, Samples, Seed, image_counts, interval, seeds_for
from recycle.evaluation.class_comparison import ClassDifference
from recycle.evaluation.comparison import PartwiseComparator
from recycle.predictions.probabilities import IGNORED

LabelMap = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class ClassIoU:
    """How well one class is found.

    Attributes:
        iou: Intersection over union; None where the class occurs in neither truth nor prediction.
        pixels: Pixels of the class in the truth.
    """

    iou: float | None
    pixels: int


@dataclass(frozen=True)
class SegmentationScores:
    """Scores of one competitor.

    Attributes:
        images: Number of images that were scored.
        miou: Mean over classes of the IoU of all images' pixels; None without labelled pixels.
        image_miou: Mean over images of their own mIoU.
        pixel_accuracy: Part of the labelled pixels whose label is right.
        classes: By name, the background first.
    """

    images: int
    miou: float | None
    image_miou: float | None
    pixel_accuracy: float | None
    classes: Mapping[str, ClassIoU]

    columns: ClassVar[Mapping[str, str]] = {
        "miou": "mIoU",
        "image_miou": "image mIoU",
        "pixel_accuracy": "accuracy",
    }
    """Titles of what a table shows, the main score first."""

    @property
    def main(self) -> float | None:
        """The score by which competitors are ranked."""
        return self.miou

    @property
    def of_classes(self) -> dict[str, float | None]:
        """The main score of each class."""
        return {name: one.iou for name, one in self.classes.items()}

    def to_json(self) -> dict[str, Any]:
        """The scores for `results.json`."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class PixelCounts:
    """What IoU is made of, kept for each image.

    Raises:
        DataError: If the columns do not fit together.
    """

    image_ids: npt.NDArray[np.int64]
    """(n,) ids of images."""
    right: npt.NDArray[np.int64]
    """(n, classes) pixels of a class in both truth and prediction."""
    predicted: npt.NDArray[np.int64]
    """(n, classes) pixels that were given the class."""
    true: npt.NDArray[np.int64]
    """(n, classes) pixels of the class."""

    def __post_init__(self) -> None:
        """Refuses columns of different lengths."""
        shapes = {column.shape for column in (self.right, self.predicted, self.true)}
        if len(shapes) != 1 or next(iter(shapes))[0] != len(self.image_ids):
            raise DataError(f"counts must be of {len(self.image_ids)} images, but got shapes {sorted(shapes)}")

    def of_images(self, image_ids: npt.NDArray[np.int64]) -> "PixelCounts":
        """Those of some images."""
        kept = np.isin(self.image_ids, image_ids)
        return PixelCounts(self.image_ids[kept], self.right[kept], self.predicted[kept], self.true[kept])


def join_counts(parts: Sequence[PixelCounts]) -> PixelCounts:
    """Those of different images together."""
    columns = ("image_ids", "right", "predicted", "true")
    return PixelCounts(*(np.concatenate([getattr(part, column) for part in parts]) for column in columns))


def count_pixels(maps: Iterable[tuple[int, LabelMap, LabelMap]], classes: int) -> PixelCounts:
    """Counts pixels.

    Args:
        maps: Image id, true and predicted label map of each image, both of one shape.
        classes: Number of classes, the background included.

    Raises:
        DataError: If two maps differ in shape.
    """
    ids: list[int] = []
    counts: list[npt.NDArray[np.int64]] = []
    for image_id, truth, predicted in maps:
        if truth.shape != predicted.shape:
            raise DataError(f"image {image_id}: the label map must be {truth.shape}, but got {predicted.shape}")
        ids.append(image_id)
        counts.append(_count(truth, predicted, classes))
    table = np.array(counts, np.int64).reshape(-1, 3, classes)
    return PixelCounts(np.array(ids, np.int64), table[:, 0], table[:, 1], table[:, 2])


def score(counts: PixelCounts, class_names: Sequence[str]) -> SegmentationScores:
    """Scores of all images.

    Args:
        counts: Of one competitor.
        class_names: The background first.
    """
    right, predicted, true = (one.sum(axis=0) for one in (counts.right, counts.predicted, counts.true))
    ious = _ious(right, predicted, true)
    own = _miou(_ious(counts.right, counts.predicted, counts.true))
    return SegmentationScores(
        images=len(counts.image_ids),
        miou=_number(_miou(ious)),
        image_miou=_number(np.nanmean(own)) if np.isfinite(own).any() else None,
        pixel_accuracy=float(right.sum() / true.sum()) if true.sum() else None,
        classes={
            name: ClassIoU(_number(iou), int(pixels)) for name, iou, pixels in zip(class_names, ious, true, strict=True)
        },
    )


def mean_iou(counts: PixelCounts) -> float:
    """The mIoU of all images; 0 where no pixel is labelled."""
    return _number(_miou(_pooled_ious(counts))) or 0.0


def compare_class_ious(
    counts: PixelCounts, others: PixelCounts, group_of: Mapping[int, int], seed: int
) -> tuple[ClassDifference, ...]:
    """Compares two competitors on each class that truth or both predictions hold; of the same images.

    Classes that a draw does not hold count as equal in it.
    """

    def changes(seed: Seed) -> npt.NDArray[np.float64]:
        draws = _draws(counts, group_of, seed)
        return np.nan_to_num(_drawn(counts, draws) - _drawn(others, draws))

    ious, other_ious = (_pooled_ious(one) for one in (counts, others))
    shown = np.flatnonzero(np.isfinite(ious) & np.isfinite(other_ious)).tolist()
    samples = np.concatenate([changes(one) for one in seeds_for(len(shown), seed)])
    return tuple(
        ClassDifference(
            label, float(ious[label]), float(other_ious[label]), interval(samples[:, label], among=len(shown))
        )
        for label in shown
    )


class SegmentationComparator(PartwiseComparator[PixelCounts]):
    """Rates competitors by mIoU.

    Args:
        group_of: Near-duplicate group of each image by its id; a group is drawn as a whole.
        parts: Ids of the images of each part, the folds for example; one part pools all images.
        seed: Of the draws.
    """

    def __init__(self, group_of: Mapping[int, int], parts: Sequence[npt.NDArray[np.int64]], seed: int) -> None:
        super().__init__(seed)
        self._group_of, self._parts = group_of, parts

    def add(self, name: str, counts: PixelCounts) -> None:
        """Takes up a competitor."""
        self.take(name, [counts.of_images(ids) for ids in self._parts])

    def score(self, part: PixelCounts) -> float:
        """Returns the mIoU."""
        return mean_iou(part)

    def samples(self, part: PixelCounts, seed: Seed) -> Samples:
        """Returns that of each draw."""
        return np.nan_to_num(_miou(_drawn(part, _draws(part, self._group_of, seed))))


def _count(truth: LabelMap, predicted: LabelMap, classes: int) -> npt.NDArray[np.int64]:
    labelled = truth != IGNORED
    true, given = truth[labelled], predicted[labelled]
    columns = (true[true == given], given, true)
    return np.array([np.bincount(column, minlength=classes)[:classes] for column in columns], np.int64)


def _ious(
    right: npt.NDArray[np.int64], predicted: npt.NDArray[np.int64], true: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Of classes, the last axis; NaN where a class occurs nowhere."""
    unions = predicted + true - right
    return np.asarray(np.divide(right, unions, out=np.full(unions.shape, np.nan), where=unions > 0))


def _pooled_ious(counts: PixelCounts) -> npt.NDArray[np.float64]:
    """Of all images together, shape (classes,)."""
    return _ious(counts.right.sum(axis=0), counts.predicted.sum(axis=0), counts.true.sum(axis=0))


def _miou(ious: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The mean over classes, the last axis; NaN where no class occurs."""
    known = np.isfinite(ious)
    total, number = np.where(known, ious, 0).sum(axis=-1), known.sum(axis=-1)
    return np.asarray(np.divide(total, number, out=np.full(np.shape(total), np.nan), where=number > 0))


def _draws(counts: PixelCounts, group_of: Mapping[int, int], seed: Seed) -> npt.NDArray[np.int32]:
    groups = np.array([group_of[image_id] for image_id in counts.image_ids.tolist()], np.int64)
    return image_counts(groups, len(groups), RESAMPLES, seed)


def _drawn(counts: PixelCounts, draws: npt.NDArray[np.int32]) -> npt.NDArray[np.float64]:
    """IoU of each class in each draw, shape (resamples, classes)."""
    times = draws.astype(np.float64)  # whole numbers, exact to 2 ** 53, and many times as fast to multiply
    right, predicted, true = (times @ one for one in (counts.right, counts.predicted, counts.true))
    unions = predicted + true - right
    return np.asarray(np.divide(right, unions, out=np.full(unions.shape, np.nan), where=unions > 0))


def _number(value: npt.NDArray[np.float64] | np.floating) -> float | None:
    return float(value) if np.isfinite(value) else None
