"""Where a run stands, read from files that a driver left, or is writing."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from recycle.errors import RecycleError
from recycle.orchestration.ledger import FinishedMember, Ledger
from recycle.orchestration.open_run import open_run
from recycle.orchestration.run_status import read_status
from recycle.paths import RunPaths
from recycle.recipe_yaml import write_recipe
from recycle.report.progress import Snapshot
from recycle.report.status import RunStatus, status_lines, status_table
from recycle.training.progress import Progress
from tests.evaluation.scenes import random_truth
from tests.orchestration.recorded_runs import begin_run
from tests.recipes import example_recipe

MEMBERS = ["cascade-rcnn-fold0", "cascade-rcnn-fold1", "yolov5-fold0", "yolov5-fold1"]


@pytest.fixture
def paths(tmp_path: Path) -> RunPaths:
    """A run whose data are prepared."""
    return begin_run(tmp_path / "run", random_truth(np.random.default_rng(0)))


@contextmanager
def driven(paths: RunPaths) -> Iterator[None]:
    with open_run(example_recipe(), paths, resume=True):
        yield


def finish(paths: RunPaths, name: str, seconds: float) -> None:
    model = name.rpartition("-")[0]
    Ledger(paths.ledger).append(FinishedMember(name, 0, name, model, 0, "oof", "test", "last.pth", seconds, 1, "node1"))


def tell(paths: RunPaths, running: dict[str, float | None], failed: tuple[str, ...] = ()) -> None:
    """Writes the progress of running members, of which some have not made a step."""
    progress = {name: left and Progress(name, 3, 8, 30, 80, 1.5, 0.4, left, "node2") for name, left in running.items()}
    snapshot = Snapshot(running=progress, waiting=(), finished=(), failed=failed)  # type: ignore[arg-type]
    paths.progress.write_text(json.dumps(asdict(snapshot)))


def validate(paths: RunPaths, name: str, *scores: float) -> None:
    log = paths.member(0, name) / "20260101_000000" / "vis_data" / "scalars.json"
    log.parent.mkdir(parents=True)
    lines = [json.dumps({"map50": score, "step": step}) for step, score in enumerate(scores)]
    log.write_text("\n".join([*lines, '{"loss": 1.0, "step": 9}', '{"map50": 0.']))


def text_of(status: RunStatus) -> str:
    console = Console(width=160, markup=False, emoji=False)
    with console.capture() as capture:
        console.print(status_table(status))
        for line in status_lines(status):
            console.print(line)
    return capture.get()


def test_a_run_that_trains(paths: RunPaths) -> None:
    finish(paths, MEMBERS[0], 100)
    validate(paths, MEMBERS[0], 0.3, 0.5)
    tell(paths, {MEMBERS[1]: 40.0, MEMBERS[2]: 10.0})
    with driven(paths):
        status = read_status(paths.root)
    assert (status.run, status.recipe, status.state, status.stage) == ("run", "example", "running", "training members")
    assert [one.name for one in status.members] == MEMBERS
    assert [one.state for one in status.members] == ["finished", "running", "running", "waiting"]
    assert (status.members[0].seconds, status.members[0].score, status.members[0].host) == (100, 0.5, "node1")
    assert (status.members[1].epoch, status.members[1].epochs, status.members[1].host) == (3, 8, "node2")
    assert status.seconds_left == pytest.approx((40 + 10 + 100) / 2)
    assert status.best == (MEMBERS[0], 0.5)
    text = text_of(status)
    assert "Running: training members; of 4 members 1 finished, 2 running, 1 waiting." in text
    assert "About 1:15 left" in text
    assert "Best so far: cascade-rcnn-fold0 with mAP50 0.5000." in text


def test_time_left_is_not_guessed(paths: RunPaths) -> None:
    tell(paths, {MEMBERS[0]: None})
    with driven(paths):
        assert read_status(paths.root).seconds_left is None
        tell(paths, {MEMBERS[0]: 10.0})
        assert read_status(paths.root).seconds_left is None
        for name in MEMBERS[1:]:
            finish(paths, name, 5)
        assert read_status(paths.root).seconds_left == 10


def test_a_driver_that_died_is_recognised(paths: RunPaths) -> None:
    tell(paths, {MEMBERS[0]: 40.0})
    status = read_status(paths.root)
    assert (status.state, status.members[0].state, status.seconds_left) == ("interrupted", "cut off", None)
    assert "No driver works on this run; last heard of 0:0" in text_of(status)
    assert "Continue it with --resume." in text_of(status)


def test_failures_are_told_with_their_reasons(paths: RunPaths) -> None:
    tell(paths, {}, failed=(MEMBERS[0],))
    record = {"time": 1.0, "member": MEMBERS[0], "attempt": 1}
    events = [
        {**record, "event": "started"},
        {**record, "event": "failed", "host": "a", "reason": "its loss [b]blew[/b]"},
    ]
    paths.attempts.write_text("".join(json.dumps(event) + "\n" for event in events))
    status = read_status(paths.root)
    assert (status.members[0].state, status.members[0].reason) == ("failed", "its loss [b]blew[/b]")
    assert "its loss [b]blew[/b]" in text_of(status)


def test_a_finished_run(paths: RunPaths) -> None:
    for name in MEMBERS[:3]:
        finish(paths, name, 5)
    results = {"ensemble": {"oof": {"map50": 0.7}}, "failed": {MEMBERS[3]: "its process died"}}
    paths.results.write_text(json.dumps(results))
    status = read_status(paths.root)
    assert (status.state, status.stage) == ("finished", "results are written")
    assert (status.members[3].state, status.members[3].reason) == ("failed", "its process died")
    assert status.best is not None
    assert status.best[1] == 0.7
    with driven(paths):
        again = read_status(paths.root)
    assert (again.state, again.stage) == ("running", "finding the ensemble")


def test_a_run_that_has_only_begun(tmp_path: Path) -> None:
    paths = RunPaths(tmp_path)
    write_recipe(example_recipe(), paths.recipe)
    status = read_status(tmp_path)
    assert (status.state, status.stage, status.best) == ("interrupted", "preparing the data", None)
    assert {one.state for one in status.members} == {"waiting"}


def test_what_is_no_run_is_refused(tmp_path: Path, paths: RunPaths) -> None:
    with pytest.raises(RecycleError, match=r"there is no run in this folder, as recipe.yaml is missing"):
        read_status(tmp_path)
    paths.results.write_text("{}")
    with pytest.raises(RecycleError, match=r"results.json: not the results of a run"):
        read_status(paths.root)
    paths.progress.write_text("[]")
    with pytest.raises(RecycleError, match=r"progress.json: must be a JSON object, but got list"):
        read_status(paths.root)


def test_nothing_slow_is_imported() -> None:
    slow = ("torch", "ray", "mmdet", "numba", "scipy", "sklearn", "pandas", "matplotlib")
    code = f"import sys, jobs.status; print([name for name in {slow} if name in sys.modules])"
    command = [sys.executable, "-c", code]
    told = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert told.stdout.strip() == "[]"
