"""A run while processes and machines vanish: it ends as a quiet one does, and no kill costs more than an epoch."""

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from recycle.paths import RunPaths
from tests.cluster.attempts import failures, heard, require_no_epoch_lost, running
from tests.cluster.machines import Machines, machines
from tests.orchestration.job import kill, ray_processes, train_tiny, training_processes, wait_for
from tests.orchestration.test_run import ONE_EPOCH

pytestmark = pytest.mark.training

SPOT_NOTICE_S = 120
LEFT = re.compile(r"its machine is about to go, and last.pth holds step \d+")


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machines]:
    with machines(workers=2) as started:
        monkeypatch.setenv("RAY_ADDRESS", started.address)
        yield started


def trainers() -> list[int]:
    return ray_processes(os.getpid(), "ray::TrainActor.run")


def test_a_run_survives_a_killed_process_a_lost_machine_and_a_spot_notice(
    cluster: Machines, tmp_path: Path, quiet_run: RunPaths
) -> None:
    paths = RunPaths(tmp_path / "run")

    def holds(name: str) -> bool:
        return (paths.root / name).is_file()

    process = train_tiny(paths.root, changes=["retries=1"])  # what does not count needs none

    wait_for(lambda: heard(paths, holds), process, "a member had a checkpoint")
    kill(min(trainers()))
    wait_for(lambda: len(failures(paths)) == 1, process, "its death was noticed")

    member, node = min(wait_for(lambda: heard(paths, holds), process, "a member had a checkpoint").items())
    cluster.lose(node)
    cluster.add()
    wait_for(lambda: len(failures(paths)) == 2, process, "its loss was noticed")

    # It begins anew on another machine, and that will go too.
    node = wait_for(lambda: running(paths, holds).get(member), process, "the member was continued")
    cluster.give_notice(node, SPOT_NOTICE_S)
    cluster.add()
    output, errors = process.communicate(timeout=600)

    assert process.returncode == 0, output + errors
    died, lost, left = failures(paths)
    assert (died, lost) == ("its process died", "its machine was lost")
    assert " ".join(output.split()).count("continues from its last checkpoint") == 3
    assert LEFT.fullmatch(left)
    assert paths.results.read_bytes() == quiet_run.results.read_bytes()
    require_no_epoch_lost(output)


def test_a_process_that_is_told_to_end_leaves_a_checkpoint_which_costs_no_try(tmp_path: Path) -> None:
    paths = RunPaths(tmp_path / "run")
    models = json.dumps([{**ONE_EPOCH, "epochs": 15, "folds": [0]}])
    process = train_tiny(paths.root, changes=[f"models={models}", "retries=0"])
    wait_for(lambda: heard(paths, lambda name: True), process, "the member was heard of")
    (trainer,) = training_processes(process)
    os.kill(trainer, signal.SIGTERM)
    output, errors = process.communicate(timeout=600)
    assert process.returncode == 0, output + errors
    (left,) = failures(paths)
    assert LEFT.fullmatch(left)
    assert "continues from its last checkpoint" in " ".join(output.split())
