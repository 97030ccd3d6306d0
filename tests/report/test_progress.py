import contextlib
import dataclasses
import io
import json

import pytest
from rich.console import Console

from recycle.report.progress import Display, Snapshot, duration
from recycle.training.progress import Progress


def progress(member: str = "a-fold0", epoch: int = 1, map50: float = -1.0, left: float = 75.0) -> Progress:
    return Progress(
        member=member,
        epoch=epoch,
        epochs=8,
        step=10 * epoch,
        steps=80,
        loss=1.25,
        score=map50,
        seconds_left=left,
        host="node7",
    )


def snapshot(*running: Progress, starting: tuple[str, ...] = ()) -> Snapshot:
    return Snapshot(
        running={**{one.member: one for one in running}, **dict.fromkeys(starting)},
        waiting=["c-fold0"],
        finished=["b-fold0", "b-fold1"],
        failed=[],
    )


@pytest.fixture
def file() -> io.StringIO:
    return io.StringIO()


def test_without_a_terminal_each_epoch_of_each_member_is_one_line(file: io.StringIO) -> None:
    with Display(Console(file=file, width=80)) as display:
        display.show(snapshot(starting=("a-fold0",)))
        display.show(snapshot(progress()))
        display.show(snapshot(progress(left=70), progress("a-fold1", map50=0.5)))
        display.show(snapshot(progress(epoch=2, map50=0.25, left=3725)))
        display.log("a-fold0: finished [red]:smile:[/red]")
        display.log("long " * 50)
    assert file.getvalue().splitlines() == [
        "a-fold0: epoch 1/8, loss 1.250, mAP50 -, 1:15 left, on node7",
        "a-fold1: epoch 1/8, loss 1.250, mAP50 0.500, 1:15 left, on node7",
        "a-fold0: epoch 2/8, loss 1.250, mAP50 0.250, 1:02:05 left, on node7",
        "a-fold0: finished [red]:smile:[/red]",
        "long " * 50,
    ]


def test_on_a_terminal_a_table_is_drawn_and_taken_away(file: io.StringIO) -> None:
    console = Console(file=file, force_terminal=True, width=120, legacy_windows=False)
    with Display(console) as display:
        display.show(snapshot(progress(), starting=("a-fold1",)))
        drawn = file.getvalue()
        display.log("a message that stays")
    for text in ("a-fold0", "1/8", "1.250", "1:15", "node7", "a-fold1", "starts", "2 finished, 2 running, 1 waiting"):
        assert text in drawn
    assert "failed" not in drawn
    assert "a message that stays" in file.getvalue()
    assert "\x1b[2K" in file.getvalue()[len(drawn) :]


def test_failures_are_counted(file: io.StringIO) -> None:
    with Display(Console(file=file, force_terminal=True, width=120)) as display:
        display.show(dataclasses.replace(snapshot(progress()), failed=["d-fold0"]))
    assert "2 finished, 1 running, 1 waiting, 1 failed" in file.getvalue()


def test_the_terminal_is_given_back_after_an_error(file: io.StringIO) -> None:
    with contextlib.suppress(KeyboardInterrupt), Display(Console(file=file, force_terminal=True)) as display:
        display.show(snapshot(progress()))
        raise KeyboardInterrupt
    assert file.getvalue().count("\x1b[?25l") == file.getvalue().count("\x1b[?25h") == 1


def test_a_snapshot_is_json() -> None:
    document = json.loads(json.dumps(dataclasses.asdict(snapshot(progress(), starting=("a-fold1",))), allow_nan=False))
    assert document["running"]["a-fold0"]["epoch"] == 1
    assert document["running"]["a-fold1"] is None
    assert document["finished"] == ["b-fold0", "b-fold1"]


def test_the_time_left_is_that_of_the_member_that_ends_last() -> None:
    assert snapshot(progress(left=5), progress("b", left=9), starting=("c",)).seconds_left == 9
    assert snapshot(starting=("c",)).seconds_left == 0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (9.4, "0:09"), (59.6, "1:00"), (125, "2:05"), (3599.7, "1:00:00"), (90061, "25:01:01")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
