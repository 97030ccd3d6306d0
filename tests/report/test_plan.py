from collections.abc import Sequence
from io import StringIO

import pytest
from rich.console import Console

from recycle.report.plan import Plan, PlannedMember, plan_summary, plan_table
from tests.orchestration.plans import model_with


def member(name: str, measured_on: Sequence[str] = (), seconds: float = 3723.0) -> PlannedMember:
    settings = model_with(image_size=512, batch_size=4, accumulate=4, resources={"num_cpus": 4, "num_gpus": 0.5})
    return PlannedMember(name, settings, 12345, seconds, 7.25, tuple(measured_on))


def shown(*members: PlannedMember) -> list[str]:
    output = StringIO()
    Console(file=output, width=80).print(plan_table(Plan(members, 9000, "2 GPUs", "8 training images")))
    return output.getvalue().splitlines()


def test_a_line_says_all_about_a_member_on_a_narrow_terminal() -> None:
    _, line = shown(member("yolov5-augmented-fold0", ["GPU"]))
    assert line.split() == ["yolov5-augmented-fold0", "512", "4x4", "8", "12,345", "4", "0.5", "7.2", "1:02:03"]


def test_estimates_are_marked() -> None:
    _, measured, estimated = shown(member("a", ["GPU"]), member("b"))
    assert "~" not in measured
    assert estimated.split()[-2:] == ["~7.2", "~1:02:03"]


@pytest.mark.parametrize(
    ("members", "begins", "last"),
    [
        (
            [member("a", ["X"]), member("b", ["Y"])],
            "2 members, 2.1 h one after the other, 2.5 h on",
            "Measured on: X, Y.",
        ),
        ([member("a", ["X"]), member("b")], "2 members, ~2.1 h one after the other, ~2.5 h on", "~ marks estimates"),
        ([member("a", ["X"], 360000)], "1 members, 100 h one after the other, 2.5 h on", "Measured on: X."),
    ],
)
def test_the_summary_adds_up(members: Sequence[PlannedMember], begins: str, last: str) -> None:
    lines = list(plan_summary(Plan(members, 9000, "2 GPUs", "8 training images")))
    assert lines[0].startswith(begins)
    assert lines[0].endswith("on 2 GPUs; 8 training images.")
    assert lines[-1].startswith(last)
