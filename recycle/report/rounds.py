"""Rounds of pseudo labels as values and tables: how good the labels were, and what the gate decided."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from recycle.evaluation.label_counts import LabelQuality, all_together
from recycle.recipe import Task
from recycle.report.exports import Cell, DataTable

OWN_ENSEMBLE = "the ensemble"
"""The source of labels that the run's own members predicted."""


@dataclass(frozen=True)
class Wording:
    """How a task's rounds are told.

    Attributes:
        one: What may be a label.
        labels: What is counted as labels.
        ignored: What is counted as ignored.
        truth: What there is to be found.
        class_score: The score of a class.
        main_score: The score of a test part.
    """

    one: str
    labels: str
    ignored: str
    truth: str
    class_score: str
    main_score: str


WORDINGS: Mapping[Task, Wording] = {
    "detection": Wording("box", "labels", "ignored regions", "objects", "AP50", "mAP50"),
    "segmentation": Wording("pixel", "labelled pixels", "ignored pixels", "pixels of it", "IoU", "mIoU"),
}


@dataclass(frozen=True)
class FoldLabels:
    """The labels that the members of one fold learn from.

    Attributes:
        images: Test images with labels, or all where those without stay.
        labels: Objects; or pixels of objects, at the size of predicted label maps.
        ignored: Regions, or pixels, in which nothing is learned.
        highest_score: The highest of any box, or pixel of an object; 0 without any.
        thresholds: By class name, from which score on boxes, or pixels, are labels; None where none ever is.
        quality: By class name, if the test images have annotations to compare with; nothing is decided by them.
    """

    images: int
    labels: int
    ignored: int
    highest_score: float
    thresholds: Mapping[str, float | None]
    quality: Mapping[str, LabelQuality] | None

    @property
    def all_classes(self) -> LabelQuality | None:
        """Quality of all labels together."""
        return all_together(self.quality.values()) if self.quality is not None else None


@dataclass(frozen=True)
class LabelsReport:
    """All labels of a round.

    Attributes:
        source: What predicted them: `OWN_ENSEMBLE`, or a file.
        folds: Labels by fold, `all` being those for members that are trained on all images.
        task: What is labelled.
    """

    source: str
    folds: Mapping[str, FoldLabels]
    task: Task = "detection"

    @property
    def wording(self) -> Wording:
        """How it is told."""
        return WORDINGS[self.task]

    @property
    def is_fold_safe(self) -> bool:
        """Whether no fold's labels come from models that saw its images; of a file nobody knows."""
        return self.source == OWN_ENSEMBLE

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "LabelsReport":
        """Reads what `dataclasses.asdict` wrote."""
        folds = {fold: _fold_labels(one) for fold, one in document["folds"].items()}
        return cls(document["source"], folds, document["task"])


@dataclass(frozen=True)
class Change:
    """What a round made of a score: from, to, and where the difference lies with 95 per cent confidence."""

    former: float
    score: float
    low: float
    high: float


@dataclass(frozen=True)
class GateReport:
    """What the gate decided about a round, and the scores that it looked at, all of the recipe's metric out of fold.

    Attributes:
        is_kept: Whether the round's models may be part of the ensemble.
        reason: Why.
        ensemble: The ensemble with the round's models against that without, each tuned on the other folds' images;
            None where the round came to nothing.
        alone: The round's models against as many that they went on from, both fused by the defaults.
        models: By name, each model of the round against itself in the round that it went on from.
        classes: By class name, the ensembles' average precision at IoU 0.5, or IoU of pixels; intervals hold for all
            classes at once.
        test: The ensembles' mAP50, or mIoU, on the test images, where annotations are known; nothing is decided by it.
    """

    is_kept: bool
    reason: str
    ensemble: Change | None = None
    alone: Change | None = None
    models: Mapping[str, Change] | None = None
    classes: Mapping[str, Change] | None = None
    test: tuple[float, float] | None = None

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "GateReport":
        """Reads what `dataclasses.asdict` wrote."""
        ensemble, alone, test = document["ensemble"], document["alone"], document["test"]
        return cls(
            document["is_kept"],
            document["reason"],
            Change(**ensemble) if ensemble else None,
            Change(**alone) if alone else None,
            _changes(document["models"]),
            _changes(document["classes"]),
            (test[0], test[1]) if test else None,
        )


@dataclass(frozen=True)
class RoundReport:
    """A round of pseudo labels.

    Attributes:
        round_index: From 1.
        labels: What it learned from.
        gate: What became of it; None before it is known.
    """

    round_index: int
    labels: LabelsReport
    gate: GateReport | None

    def to_json(self) -> dict[str, Any]:
        """Its part of `results.json`."""
        return asdict(self)


def nothing_sure(labels: LabelsReport) -> str:
    """Says why a round has nothing to learn for some fold; empty where it has."""
    for fold, one in labels.folds.items():
        if not one.labels:
            known = [threshold for threshold in one.thresholds.values() if threshold is not None]
            needed = f"the lowest threshold is {min(known):.4f}" if known else "no class has a threshold"
            return (
                f"no {labels.wording.one} is sure enough to be a label for {_learner(fold)}: the highest score is "
                f"{one.highest_score:.4f}, and {needed}; lower pseudo_labels.score_thr or pseudo_labels.precision"
            )
    return ""


def round_sentence(one: RoundReport) -> str:
    """One sentence on what became of a round."""
    if one.gate is None:
        return f"Round {one.round_index} of pseudo labels has not finished."
    fate = "is kept" if one.gate.is_kept else "is not kept"
    return f"Round {one.round_index} of pseudo labels {fate}: {one.gate.reason}."


def labels_data(one: RoundReport) -> DataTable:
    """Labels by fold: how many, and how good where that is known."""
    wording = one.labels.wording
    columns = ("learned by", "images", wording.labels, wording.ignored, "precision", "recall")
    rows = []
    for fold, labels in one.labels.folds.items():
        known = labels.all_classes
        quality = (known.precision, known.recall) if known else (None, None)
        rows.append((_learner(fold), labels.images, labels.labels, labels.ignored, *quality))
    caption = f"Round {one.round_index}: pseudo labels from {one.labels.source}"
    return DataTable(f"pseudo-labels-{one.round_index}", caption, columns, tuple(rows))


def classes_data(one: RoundReport) -> DataTable | None:
    """Labels by class and fold: thresholds, and how good they are; None where the latter is not known."""
    wording = one.labels.wording
    columns = ("learned by", "class", "threshold", wording.labels, "right", wording.truth, "precision", "recall")
    rows = tuple(
        (_learner(fold), name, labels.thresholds[name], q.labels, q.right, q.objects, q.precision, q.recall)
        for fold, labels in one.labels.folds.items()
        for name, q in (labels.quality or {}).items()
    )
    caption = f"Round {one.round_index}: pseudo labels by class, against annotations that nothing was decided by"
    return DataTable(f"pseudo-labels-by-class-{one.round_index}", caption, columns, rows) if rows else None


def changes_data(one: RoundReport) -> DataTable | None:
    """What the round made of the ensemble, of each model and of each class; None where it came to nothing."""
    gate = one.gate
    if gate is None or gate.ensemble is None:
        return None
    changes = [("ensemble, held out", gate.ensemble)]
    changes += [("the round's models alone", gate.alone)] if gate.alone else []
    changes += (gate.models or {}).items()
    wording = one.labels.wording
    changes += [(f"class {name}, {wording.class_score}", change) for name, change in (gate.classes or {}).items()]
    rows = (
        *((name, c.former, c.score, c.score - c.former, c.low, c.high) for name, c in changes),
        *_test_rows(gate, wording),
    )
    columns = ("", "before", "with the round", "difference", "95 % from", "to")
    caption = f"Round {one.round_index}: scores out of fold; intervals of classes hold for all at once"
    return DataTable(f"round-{one.round_index}", caption, columns, rows)


def _test_rows(gate: GateReport, wording: Wording) -> Iterator[tuple[Cell, ...]]:
    if gate.test is not None:
        former, score = gate.test
        yield (f"test part, {wording.main_score}; decides nothing", former, score, score - former, None, None)


def rounds_tables(rounds: Sequence[RoundReport]) -> Iterator[Table]:
    """Tables for a terminal."""
    for one in rounds:
        yield _rich(labels_data(one))
        changes = changes_data(one)
        if changes is not None:
            yield _rich(changes)


def _learner(fold: str) -> str:
    return "members of all images" if fold == "all" else f"members of fold {fold}"


def _rich(data: DataTable) -> Table:
    table = Table(title=data.caption, title_justify="left", header_style="bold")
    for number, column in enumerate(data.columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=number > 0)
    for row in data.rows:
        table.add_row(*(Text(_shown(value)) for value in row))
    return table


def _shown(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _fold_labels(document: Mapping[str, Any]) -> FoldLabels:
    quality = document["quality"]
    known = None if quality is None else {name: LabelQuality(**one) for name, one in quality.items()}
    return FoldLabels(**{**document, "quality": known})


def _changes(document: Mapping[str, Any] | None) -> dict[str, Change] | None:
    return None if document is None else {name: Change(**one) for name, one in document.items()}
