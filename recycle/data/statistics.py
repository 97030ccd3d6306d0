"""What a run's data are like: classes and sizes of objects, how evenly they are divided, what is wrong with them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recycle.data.coco import Dataset, TruthBoxes
from recycle.data.findings import EXAMPLES, RULES
from recycle.data.json_files import read_json
from recycle.data.prepare import PreparedData
from recycle.errors import DataError
from recycle.paths import RunPaths

SMALL, LARGE = 32.0**2, 96.0**2
"""Square pixels: smaller objects are small, larger ones large, those between medium, as in COCO."""
STEPS_AN_OCTAVE = 2
"""Of the edges between which sizes are counted."""
MOST_BOXES = 20
"""Images with more objects are counted together."""


@dataclass(frozen=True)
class SizeCounts:
    """How many objects are small, medium and large."""

    small: int
    medium: int
    large: int


@dataclass(frozen=True)
class PartFacts:
    """One fold, or the test part.

    Attributes:
        name: `fold 0`, ... or `test`.
        images: How many there are.
        empty_images: How many of them show no object.
        objects: How many there are, crowds left out as everywhere here.
        classes: Objects by class, in the order of the classes.
        sizes: Objects by size.
    """

    name: str
    images: int
    empty_images: int
    objects: int
    classes: Mapping[str, int]
    sizes: SizeCounts


@dataclass(frozen=True)
class Histogram:
    """Counts between edges: `counts[i]` from `edges[i]` up to and without `edges[i + 1]`, one edge more than counts."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class RuleFindings:
    """What the validator found against one rule.

    Attributes:
        rule: Its name.
        text: What it asks for.
        severity: `error` or `warning`.
        count: How often it was broken.
        repair: What mended it, or would; None where nothing can.
        examples: At most three: file, record and value.
    """

    rule: str
    text: str
    severity: str
    count: int
    repair: str | None
    examples: tuple[str, ...]


@dataclass(frozen=True)
class DataFacts:
    """What a run's data are like.

    Attributes:
        classes: Names in order.
        parts: The folds and, last, the test part.
        has_answers: Whether the test part is annotated; if not, it has no objects here.
        sizes: Training objects of each class by size.
        sides: Training objects by the square root of their area in pixels, between edges that grow by a factor.
        objects_an_image: Training images by their number of objects; the last count holds all larger numbers.
        imbalance: For each class by how much the fold with most of its objects exceeds an even share, as a part of
            that: 0 where the folds are even, 1 where one has twice its share. Classes without objects are left out.
        rare_classes: Classes that are in fewer groups of images than there are folds, with their number of groups.
        findings: What the validator found, errors first.
        near_duplicates: File names of training images that show nearly the same, in groups of two and more, the
            largest group first.
    """

    classes: tuple[str, ...]
    parts: tuple[PartFacts, ...]
    has_answers: bool
    sizes: Mapping[str, SizeCounts]
    sides: Histogram
    objects_an_image: Histogram
    imbalance: Mapping[str, float]
    rare_classes: Mapping[str, int]
    findings: tuple[RuleFindings, ...]
    near_duplicates: tuple[tuple[str, ...], ...]


def describe_data(prepared: PreparedData, paths: RunPaths) -> DataFacts:
    """Counts what a run's data hold.

    Args:
        prepared: The data.
        paths: The run folder, where what the validator found is recorded.

    Raises:
        DataError: If that record cannot be read.
    """
    train, folds = prepared.train, prepared.folds
    fold_of = np.array([folds.assignment[image.file_name] for image in train.images])
    ids = np.array([image.id for image in train.images], np.int64)
    objects, tested = _objects(train), _objects(prepared.test)
    parts = [_part(f"fold {fold}", ids[fold_of == fold], objects, train) for fold in range(folds.count)]
    parts.append(_part("test", np.array([image.id for image in prepared.test.images], np.int64), tested, train))
    return DataFacts(
        classes=train.class_names,
        parts=tuple(parts),
        has_answers=prepared.has_answers,
        sizes={name: _sizes(objects.areas[objects.labels == i]) for i, name in enumerate(train.class_names)},
        sides=_sides(np.sqrt(objects.areas.astype(np.float64))),
        objects_an_image=_objects_an_image(ids, objects),
        imbalance={name: _imbalance(counts) for name, counts in folds.class_counts.items() if any(counts)},
        rare_classes=folds.rare_classes,
        findings=read_findings(paths),
        near_duplicates=_near_duplicates(train, prepared.groups),
    )


def read_findings(paths: RunPaths) -> tuple[RuleFindings, ...]:
    """Reads what the validator found, rule by rule.

    Raises:
        DataError: If the file is missing or is not the validator's.
    """
    document: Any = read_json(paths.validation)
    try:
        found: dict[str, list[dict[str, Any]]] = {}
        for finding in document["findings"]:
            found.setdefault(finding["rule"], []).append(finding)
        return tuple(_rule_findings(rule, findings) for rule, findings in found.items())
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{paths.validation}: not what a validator found: {error!r}") from None


def _rule_findings(rule: str, findings: Sequence[Mapping[str, Any]]) -> RuleFindings:
    return RuleFindings(
        rule=rule,
        text=RULES[rule].text,
        severity=findings[0]["severity"],
        count=len(findings),
        repair=findings[0]["repair"],
        examples=tuple(f"{one['file']}, {one['record']}: {one['value']}" for one in findings[:EXAMPLES]),
    )


def _objects(dataset: Dataset) -> TruthBoxes:
    columns = dataset.boxes()
    counts = ~columns.is_crowd
    return TruthBoxes(*(getattr(columns, name)[counts] for name in TruthBoxes.__dataclass_fields__))


def _part(name: str, ids: npt.NDArray[np.int64], objects: TruthBoxes, train: Dataset) -> PartFacts:
    own = np.isin(objects.image_ids, ids)
    counts = np.bincount(objects.labels[own], minlength=len(train.categories)).tolist()
    return PartFacts(
        name=name,
        images=len(ids),
        empty_images=len(ids) - len(np.unique(objects.image_ids[own])),
        objects=sum(counts),
        classes=dict(zip(train.class_names, counts, strict=True)),
        sizes=_sizes(objects.areas[own]),
    )


def _sizes(areas: npt.NDArray[np.float32]) -> SizeCounts:
    small, large = int((areas < SMALL).sum()), int((areas > LARGE).sum())
    return SizeCounts(small, len(areas) - small - large, large)


def _sides(sides: npt.NDArray[np.float64]) -> Histogram:
    """Edges are powers of a fixed factor, so that those of two runs can be laid side by side."""
    exponents = np.floor(np.log2(np.maximum(sides, 1)) * STEPS_AN_OCTAVE).astype(np.int64)
    low, high = (int(exponents.min()), int(exponents.max())) if len(sides) else (0, 0)
    edges = 2 ** (np.arange(low, high + 2) / STEPS_AN_OCTAVE)
    return Histogram(tuple(edges.tolist()), tuple(np.bincount(exponents - low, minlength=high - low + 1).tolist()))


def _objects_an_image(ids: npt.NDArray[np.int64], objects: TruthBoxes) -> Histogram:
    shown, counts = np.unique(objects.image_ids, return_counts=True)
    numbers = np.concatenate([np.zeros(len(ids) - len(shown), np.int64), np.minimum(counts, MOST_BOXES)])
    held = np.bincount(numbers, minlength=2).tolist()
    return Histogram(tuple(map(float, range(len(held) + 1))), tuple(held))


def _imbalance(counts: Sequence[int]) -> float:
    return max(counts) * len(counts) / sum(counts) - 1


def _near_duplicates(train: Dataset, groups: npt.NDArray[np.int64]) -> tuple[tuple[str, ...], ...]:
    size_of = Counter(groups.tolist())
    found: dict[int, list[str]] = {}
    for image, group in zip(train.images, groups.tolist(), strict=True):
        if size_of[group] > 1:
            found.setdefault(group, []).append(image.file_name)
    return tuple(sorted(map(tuple, found.values()), key=len, reverse=True))
