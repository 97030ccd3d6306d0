"""What files tell of rounds: whether they have begun, ended, and were kept; and where a run with rounds stands."""

from pathlib import Path

import pytest

from recycle.errors import DataError
from recycle.orchestration.round_records import (
    LabelsRecord,
    kept_rounds,
    read_gate,
    read_labels_record,
    read_rounds,
    write_gate,
    write_labels_record,
)
from recycle.orchestration.run_status import read_status
from recycle.paths import RunPaths
from recycle.recipe_yaml import write_recipe
from recycle.report.rounds import OWN_ENSEMBLE, GateReport, LabelsReport
from tests.recipes import example_with

RECORD = LabelsRecord("key", {"share": 0.5}, "", LabelsReport(OWN_ENSEMBLE, {}))
KEPT, REJECTED = GateReport(True, "better"), GateReport(False, "noise")


@pytest.fixture
def paths(tmp_path: Path) -> RunPaths:
    """A run whose recipe asks for two rounds."""
    paths = RunPaths(tmp_path / "run")
    write_recipe(example_with("rounds=2"), paths.recipe)
    return paths


def test_records_come_back_as_they_were(paths: RunPaths) -> None:
    assert read_labels_record(paths, 1) is None
    write_labels_record(RECORD, paths, 1)
    assert read_labels_record(paths, 1) == RECORD
    assert read_gate(paths, 1) is None
    write_gate(KEPT, "key", paths, 1)
    assert read_gate(paths, 1) == KEPT


def test_a_decision_about_other_labels_does_not_count(paths: RunPaths) -> None:
    write_gate(KEPT, "key", paths, 1)
    assert read_gate(paths, 1) is None
    write_labels_record(LabelsRecord("other", {}, "", RECORD.report), paths, 1)
    assert read_gate(paths, 1) is None


def test_rounds_that_were_kept_are_found_among_those_that_were_not(paths: RunPaths) -> None:
    assert kept_rounds(paths) == (0,)
    for round_index, gate in enumerate((KEPT, REJECTED, KEPT), start=1):
        write_labels_record(RECORD, paths, round_index)
        write_gate(gate, "key", paths, round_index)
    write_labels_record(RECORD, paths, 4)
    assert [one.round_index for one in read_rounds(paths)] == [1, 2, 3, 4]
    assert kept_rounds(paths) == (0, 1, 3)


@pytest.mark.parametrize("name", ["labels_record", "gate_record"])
def test_a_damaged_record_is_named(paths: RunPaths, name: str) -> None:
    write_labels_record(RECORD, paths, 1)
    write_gate(KEPT, "key", paths, 1)
    getattr(paths, name)(1).write_text("{}")
    with pytest.raises(DataError, match=r"not a record of"):
        read_gate(paths, 1)


@pytest.mark.parametrize(
    ("gates", "state"),
    [
        ([], "interrupted"),
        ([None], "interrupted"),
        ([KEPT], "interrupted"),
        ([KEPT, None], "interrupted"),
        ([REJECTED], "finished"),
        ([KEPT, REJECTED], "finished"),
        ([KEPT, KEPT], "finished"),
    ],
)
def test_a_run_has_finished_when_its_rounds_have(paths: RunPaths, gates: list[GateReport | None], state: str) -> None:
    paths.results.write_text('{"ensemble": {"oof": {"map50": 0.5}}, "failed": {}}')
    for round_index, gate in enumerate(gates, start=1):
        write_labels_record(RECORD, paths, round_index)
        if gate is not None:
            write_gate(gate, "key", paths, round_index)
    status = read_status(paths.root)
    assert status.state == state
    assert len(status.members) == 4 * (1 + len(gates))
    assert status.members[-1].name == f"yolov5@{len(gates)}-fold1".replace("@0", "")
