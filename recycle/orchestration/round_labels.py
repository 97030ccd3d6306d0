"""The labels of a round: taken as they are recorded, or made."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic

from rich.console import Console

from recycle.errors import DataError
from recycle.orchestration.ledger import FinishedMember
from recycle.orchestration.plan import digest
from recycle.orchestration.round_records import LabelsRecord, read_gate, read_labels_record, write_labels_record
from recycle.orchestration.task_rounds import FusedOfTask, TaskRounds
from recycle.recipe import Fold, name_in_recipe
from recycle.report.rounds import LabelsReport


@dataclass(frozen=True, eq=False)
class RoundTask(Generic[FusedOfTask]):
    """A round of pseudo labels to be made.

    Attributes:
        former: The ensemble that stands, on which it builds.
        by_task: What its task supplies.
        round_index: From 1.
        source: A file of predictions to learn from; None lets the ensemble label.
    """

    former: FusedOfTask
    by_task: TaskRounds[FusedOfTask]
    round_index: int
    source: Path | None = None

    @property
    def parents(self) -> dict[tuple[str, Fold], FinishedMember]:
        """The members that the round goes on from, by their model's name in the recipe and their fold."""
        return latest_members(self.former.run.members)

    @property
    def key(self) -> str:
        """Digest of the members that stand, by which the round's records are known to be of them."""
        return digest(sorted(entry.key for entry in self.former.run.members))


def labels_of(task: RoundTask[FusedOfTask], console: Console) -> LabelsRecord:
    """The labels of a round, written to the run folder.

    Args:
        task: The round. One that has ended keeps its labels, whatever is asked for now; one that was interrupted keeps
            them if the same is asked for.
        console: Where it is told how many labels there are.

    Raises:
        RecycleError: If they cannot be made.
    """
    record = read_labels_record(task.former.run.paths, task.round_index)
    if record is not None and record.key == task.key:
        has_ended = read_gate(task.former.run.paths, task.round_index) is not None
        if has_ended or (record.settings, record.source_digest) == _asked(task):
            return record
    return _label(task, console)


def latest_members(members: Sequence[FinishedMember]) -> dict[tuple[str, Fold], FinishedMember]:
    """The members of the latest round by their model's name in the recipe and their fold."""
    return {(name_in_recipe(entry.model), entry.fold): entry for entry in _by_round(members)}


def latest_models(members: Sequence[FinishedMember]) -> dict[str, str]:
    """The models of the latest round that has one with out-of-fold predictions, by their name in the recipe."""
    return {name_in_recipe(entry.model): entry.model for entry in _by_round(members) if entry.oof}


def _by_round(members: Sequence[FinishedMember]) -> list[FinishedMember]:
    return sorted(members, key=lambda entry: entry.round_index)


def _label(task: RoundTask[FusedOfTask], console: Console) -> LabelsRecord:
    console.print(f"Round {task.round_index}: labelling the test images")
    run, asked = task.former.run, _asked(task)
    run.paths.labels_record(task.round_index).unlink(missing_ok=True)
    folds = dict.fromkeys(fold for _, fold in task.parents)
    settings = run.recipe.pseudo_labels
    report = task.by_task.make_labels(task.former, folds, settings, task.source, task.round_index)
    record = LabelsRecord(task.key, *asked, report)
    write_labels_record(record, run.paths, task.round_index)
    _tell(report, console)
    return record


def _asked(task: RoundTask[FusedOfTask]) -> tuple[Mapping[str, Any], str]:
    """What is asked for: the settings, and the digest of the file, empty without one."""
    settings = task.former.run.recipe.pseudo_labels.model_dump(mode="json")
    return settings, _digest_of(task.source) if task.source else ""


def _tell(report: LabelsReport, console: Console) -> None:
    for fold, labels in report.folds.items():
        console.print(
            f"  for {'members of all images' if fold == 'all' else f'fold {fold}'}: {labels.labels:,} "
            f"{report.wording.labels} and {labels.ignored:,} {report.wording.ignored} on {labels.images:,} images"
        )
    if not report.is_fold_safe:
        console.print(
            f"Warning: nothing tells which training images the models behind {report.source} saw; if they saw those of "
            "a fold, this round's scores out of fold flatter it"
        )


def _digest_of(source: Path) -> str:
    try:
        with source.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{source}: cannot be read: {error}") from None
