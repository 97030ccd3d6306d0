import io

import pytest
from rich.console import Console
from rich.table import Table

from recycle.evaluation.detection import DetectionScores
from recycle.fusion.inputs.read import InputSummary
from recycle.report.fused_files import file_scores_table, inputs_table, remarks


def printed(table: Table) -> str:
    console = Console(file=io.StringIO(), width=80)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def summary(**changes: object) -> InputSummary:
    values = {
        "source": "a.csv",
        "format": "CSV",
        "images": 4871,
        "without_boxes": 3,
        "boxes": 428892,
        "dropped": 0,
        "clipped": 0,
        "labels": (0, 9),
    }
    return InputSummary(**{**values, **changes})  # type: ignore[arg-type]


def test_inputs_are_told_in_whole_on_a_narrow_terminal() -> None:
    empty = summary(source="[red]submissions/b.json", format="text", without_boxes=None, boxes=0, labels=None)
    lines = printed(inputs_table([summary(dropped=12, clipped=1234), empty])).splitlines()
    cells = [[cell.strip() for cell in line.strip("│┃").replace("┃", "│").split("│")] for line in lines if "│" in line]
    assert cells[0] == ["a.csv", "CSV", "4,871", "3", "428,892", "12", "1,234", "0-9"]
    assert cells[1][1:] == ["text", "4,871", "-", "0", "0", "0", ""]
    assert "".join(row[0] for row in cells[1:]) == "[red]submissions/b.json"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, []),
        ({"boxes": 0}, []),
        (
            {"dropped": 1},
            ["Dropped boxes have no area on their image, clipped ones overshot it; --strict refuses both."],
        ),
        (
            {"boxes": 10, "dropped": 1, "clipped": 4},
            [
                "Dropped boxes have no area on their image, clipped ones overshot it; --strict refuses both.",
                "a.csv: 50% of its boxes leave their image: are they in pixels of this size?",
            ],
        ),
    ],
)
def test_remarks(changes: dict[str, object], told: list[str]) -> None:
    assert list(remarks([summary(**changes)])) == told


def test_scores() -> None:
    one = DetectionScores(0.5, 0.25, None, None, None, None, {}, 1234)
    none = DetectionScores(None, None, None, None, None, None, {}, 2)
    table = printed(file_scores_table([("a.csv", one), ("fused", none)]))
    assert [line.split() for line in table.splitlines() if "│" in line] == [
        ["│", "a.csv", "│", "0.5000", "│", "0.2500", "│", "1,234", "│"],
        ["│", "fused", "│", "-", "│", "-", "│", "2", "│"],
    ]
