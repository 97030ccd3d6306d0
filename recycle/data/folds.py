"""Division of a data set into folds and a test part: stratified over classes, no group of images in two parts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from recycle.data.coco import Dataset
from recycle.data.json_files import read_json, write_json
from recycle.data.records import shorten
from recycle.data.stratification import Samples
from recycle.errors import DataError

MOST_PARTS = 20
"""A test fraction is rounded to k/n with n up to this."""


class ClassShare(NamedTuple):
    """A class in one fold: its annotations, and their share of the fold's annotations, 0 to 1."""

    annotations: int
    share: float


@dataclass(frozen=True)
class Folds:
    """Which fold each image is in.

    Raises:
        DataError: Fewer than two folds, a fold out of range, an empty fold, or counts that do not fit.
    """

    count: int
    assignment: Mapping[str, int]
    """Fold by `file_name`, 0 to count - 1."""
    class_counts: Mapping[str, Sequence[int]]
    """Annotations in each fold by class name, in the order of the categories."""
    rare_classes: Mapping[str, int]
    """Classes that are in fewer groups than there are folds, so not in every fold, with their number of groups."""

    def __post_init__(self) -> None:
        """Refuses what cannot be a division."""
        _require_count(self.count)
        for file_name, fold in self.assignment.items():
            if not 0 <= fold < self.count:
                raise DataError(f"the fold of {file_name!r} must be 0 to {self.count - 1}, but got fold={fold}")
        empty = set(range(self.count)) - set(self.assignment.values())
        if empty:
            raise DataError(f"every one of {self.count} folds must have an image, but fold {min(empty)} is empty")
        for name, counts in self.class_counts.items():
            if len(counts) != self.count or min(counts) < 0:
                raise DataError(f"class {name!r} must have {self.count} counts from 0, but got {list(counts)}")

    @property
    def class_ratios(self) -> tuple[dict[str, ClassShare], ...]:
        """For each fold its classes with number and share of annotations."""
        totals = [max(1, sum(counts[fold] for counts in self.class_counts.values())) for fold in range(self.count)]
        return tuple(
            {name: ClassShare(counts[fold], counts[fold] / total) for name, counts in self.class_counts.items()}
            for fold, total in enumerate(totals)
        )

    @property
    def image_counts(self) -> tuple[int, ...]:
        """Number of images in each fold."""
        images = Counter(self.assignment.values())
        return tuple(images[fold] for fold in range(self.count))

    def table(self) -> str:
        """A plain table: images and annotations of each class (with their share) by fold, then the rare classes."""
        rows = [["", *(f"fold {fold}" for fold in range(self.count))], ["images", *map(str, self.image_counts)]]
        ratios = self.class_ratios
        for name in self.class_counts:
            rows.append([name, *(f"{fold[name].annotations} ({fold[name].share:.1%})" for fold in ratios)])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [_aligned(row, widths) for row in rows]
        for name, groups in self.rare_classes.items():
            images = f"{groups} group{'' if groups == 1 else 's'} of images"
            lines.append(f"{name} is in {images} only and cannot be in each of {self.count} folds")
        return "\n".join(lines)


def make_folds(dataset: Dataset, groups: npt.NDArray[np.int64], count: int, seed: int) -> Folds:
    """Divides a data set into folds.

    Args:
        dataset: The images and annotations; the order of the images does not matter.
        groups: Group of each image, shape (images,); a group is never divided.
        count: Number of folds, at least 2.
        seed: Equal seeds give equal folds.

    Raises:
        DataError: Fewer than two folds, or more folds than groups.
    """
    _require_count(count)
    samples = Samples.of(dataset, groups)
    assignment = samples.divide(count, seed)
    spread = {name: len(held) for name, held in samples.groups_of_class().items()}
    return Folds(
        count=count,
        assignment=assignment,
        class_counts=_count_classes(samples, assignment, count),
        rare_classes={name: held for name, held in spread.items() if held < count},
    )


def split_test(dataset: Dataset, groups: npt.NDArray[np.int64], fraction: float, seed: int) -> tuple[Dataset, Dataset]:
    """Sets a test part aside, grouped and stratified like folds.

    Groups that hold a class found in no other group stay in the training part, which could not learn it otherwise.

    Args:
        dataset: The images and annotations.
        groups: Group of each image, shape (images,).
        fraction: The test part's share, between 0 and 1, rounded to k/n with n at most 20.
        seed: Equal seeds give equal parts.

    Returns:
        Training part and test part.

    Raises:
        DataError: A fraction that is out of range or rounds to 0 or 1, or fewer groups than n.
    """
    share = _rounded(fraction)
    samples = Samples.of(dataset, groups)
    lone = [held[0] for held in samples.groups_of_class().values() if len(held) == 1]
    part_of = samples.without_groups(np.array(lone, dtype=np.int64)).divide(share.denominator, seed)
    tested = {file_name for file_name, part in part_of.items() if part < share.numerator}
    return (
        dataset.subset(image.id for image in dataset.images if image.file_name not in tested),
        dataset.subset(image.id for image in dataset.images if image.file_name in tested),
    )


def write_folds(folds: Folds, path: Path) -> None:
    """Writes the folds as JSON, with the class ratios of each, in one step."""
    write_json(_to_json(folds), path, indent=1)


def read_folds(path: Path) -> Folds:
    """Reads what `write_folds` wrote, and nothing else.

    Raises:
        DataError: The file is missing, damaged, or not one of folds.
    """
    document = read_json(path)
    try:
        folds = _from_json(document)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: not a file of folds: {error!r}") from None
    if _to_json(folds) != document:
        raise DataError(f"{path}: not a file of folds: its parts do not fit together")
    return folds


def _to_json(folds: Folds) -> dict[str, Any]:
    return {
        "count": folds.count,
        "images": list(folds.image_counts),
        "class_counts": {name: list(counts) for name, counts in folds.class_counts.items()},
        "class_ratios": [{name: round(share, 6) for name, (_, share) in fold.items()} for fold in folds.class_ratios],
        "rare_classes": dict(folds.rare_classes),
        "assignment": dict(folds.assignment),
    }


def _from_json(document: object) -> Folds:
    if not isinstance(document, dict):
        raise TypeError(f"an object is needed, but got {shorten(document)}")
    return Folds(
        count=_whole(document["count"]),
        assignment={name: _whole(fold) for name, fold in document["assignment"].items()},
        class_counts={name: tuple(map(_whole, counts)) for name, counts in document["class_counts"].items()},
        rare_classes={name: _whole(groups) for name, groups in document["rare_classes"].items()},
    )


def _whole(value: object) -> int:
    if type(value) is not int:
        raise TypeError(f"a whole number is needed, but got {shorten(value)}")
    return value


def _count_classes(samples: Samples, assignment: Mapping[str, int], count: int) -> dict[str, tuple[int, ...]]:
    """Annotations in each fold by class name."""
    fold_of_image = np.array([assignment[name] for name in samples.file_names], dtype=np.int64)
    cells = samples.labels * count + fold_of_image[samples.owners]
    table = np.bincount(cells, minlength=count * len(samples.class_names)).reshape(-1, count)
    return {name: tuple(row.tolist()) for name, row in zip(samples.class_names, table, strict=True)}


def _require_count(count: int) -> None:
    if count < 2:
        raise DataError(f"there must be at least 2 folds, but got count={count}")


def _rounded(fraction: float) -> Fraction:
    if not 0 < fraction < 1:
        raise DataError(f"the test fraction must be between 0 and 1 exclusive, but got fraction={fraction}")
    share = Fraction(fraction).limit_denominator(MOST_PARTS)
    if share.denominator == 1:
        raise DataError(
            f"the test fraction must be at least half of 1/{MOST_PARTS} from 0 and 1, but got fraction={fraction}"
        )
    return share


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    name, *numbers = zip(cells, widths, strict=True)
    return "  ".join([name[0].ljust(name[1]), *(cell.rjust(width) for cell, width in numbers)])
