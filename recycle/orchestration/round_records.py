"""What a run folder says about its rounds of pseudo labels: how each was labelled, and whether it was kept."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from recycle.data.json_files import read_object, write_json
from recycle.errors import DataError
from recycle.paths import RunPaths
from recycle.report.rounds import GateReport, LabelsReport, RoundReport


@dataclass(frozen=True)
class LabelsRecord:
    """How a round's labels were made.

    Attributes:
        key: Digest of all that decides them, as far as the run knows it.
        settings: The recipe's `pseudo_labels` when they were made.
        source_digest: Of the file that they were read from; empty where the ensemble predicted them.
        report: What came out.
    """

    key: str
    settings: Mapping[str, Any]
    source_digest: str
    report: LabelsReport


def write_labels_record(record: LabelsRecord, paths: RunPaths, round_index: int) -> None:
    """Records that all labels of a round are written."""
    write_json(asdict(record), paths.labels_record(round_index), indent=1)


def read_labels_record(paths: RunPaths, round_index: int) -> LabelsRecord | None:
    """How a round was labelled; None if it is not, or not to the end.

    Raises:
        DataError: If the file is not such a record.
    """
    file = paths.labels_record(round_index)
    if not file.is_file():
        return None
    document = read_object(file)
    try:
        report = LabelsReport.from_json(document["report"])
        return LabelsRecord(document["key"], document["settings"], document["source_digest"], report)
    except (KeyError, TypeError) as error:
        raise DataError(f"{file}: not a record of pseudo labels: {error!r}") from None


def write_gate(report: GateReport, key: str, paths: RunPaths, round_index: int) -> None:
    """Records whether a round was kept; `key` is that of the labels that it learned from."""
    write_json({"key": key, **asdict(report)}, paths.gate_record(round_index), indent=1)


def read_gate(paths: RunPaths, round_index: int) -> GateReport | None:
    """Whether a round was kept; None before it is known.

    Raises:
        DataError: If the file is not such a record.
    """
    file, labels = paths.gate_record(round_index), read_labels_record(paths, round_index)
    if not file.is_file() or labels is None:
        return None
    document = read_object(file)
    try:
        return GateReport.from_json(document) if document["key"] == labels.key else None
    except (KeyError, TypeError) as error:
        raise DataError(f"{file}: not a record of a round: {error!r}") from None


def read_rounds(paths: RunPaths) -> tuple[RoundReport, ...]:
    """The rounds that have begun, in their order."""
    return tuple(_rounds(paths))


def kept_rounds(paths: RunPaths) -> tuple[int, ...]:
    """Round 0, and the rounds of pseudo labels that were kept."""
    kept = (one.round_index for one in read_rounds(paths) if one.gate is not None and one.gate.is_kept)
    return (0, *kept)


def _rounds(paths: RunPaths) -> Iterator[RoundReport]:
    for round_index in range(1, paths.begun_rounds + 1):
        labels = read_labels_record(paths, round_index)
        assert labels is not None
        yield RoundReport(round_index, labels.report, read_gate(paths, round_index))
