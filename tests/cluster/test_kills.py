"""A run while processes and machines vanish: it ends as a quiet one does, and no kill costs more than an epoch."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from recycle.paths import RunPaths
from tests.cluster.machines import Machines, machines
from tests.orchestration.job import kill, ray_processes, read_json, train_tiny, wait_for

pytestmark = pytest.mark.training

SPOT_NOTICE_S = 120


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machines]:
    with machines(workers=2) as started:
        monkeypatch.setenv("RAY_ADDRESS", started.address)
        yield started


def running(paths: RunPaths) -> dict[str, str]:
    """The node of each member that trains and has a checkpoint."""
    nodes: dict[str, str] = {}
    for record in records(paths):
        if record["event"] == "started":
            nodes[record["member"]] = record["node"]
        else:
            nodes.pop(record["member"], None)
    return {member: node for member, node in nodes.items() if (paths.member(0, member) / "last.pth").is_file()}


def records(paths: RunPaths) -> list[dict[str, Any]]:
    return [json.loads(line) for line in paths.attempts.read_text().splitlines()] if paths.attempts.is_file() else []


def failures(paths: RunPaths) -> list[str]:
    return [record["reason"] for record in records(paths) if record["event"] == "failed"]


def heard(paths: RunPaths) -> dict[str, str]:
    """As `running`, of those that have told of a step since they were started."""
    progress = read_json(paths.progress)["running"] if paths.progress.is_file() else {}
    return {member: node for member, node in running(paths).items() if progress.get(member)}


def test_a_run_survives_a_killed_process_a_lost_machine_and_a_spot_notice(
    cluster: Machines, tmp_path: Path, quiet_run: RunPaths
) -> None:
    paths = RunPaths(tmp_path / "run")
    process = train_tiny(paths.root)

    wait_for(lambda: heard(paths), process, "a member had a checkpoint")
    kill(min(ray_processes(os.getpid(), "ray::TrainActor.run")))
    wait_for(lambda: len(failures(paths)) == 1, process, "its death was noticed")

    member, node = min(wait_for(lambda: heard(paths), process, "a member had a checkpoint").items())
    cluster.lose(node)
    cluster.add()
    wait_for(lambda: len(failures(paths)) == 2, process, "its loss was noticed")

    # It begins anew on another machine, and that will go too.
    node = wait_for(lambda: running(paths).get(member), process, "the member was continued")
    cluster.give_notice(node, SPOT_NOTICE_S)
    cluster.add()
    output, errors = process.communicate(timeout=600)

    assert process.returncode == 0, output + errors
    died, lost, left = failures(paths)
    assert (died, lost) == ("its process died", "its machine was lost")
    assert " ".join(output.split()).count("continues from its last checkpoint") == 3
    assert re.fullmatch(r"its machine is about to go, and last.pth holds step \d+", left)
    assert paths.results.read_bytes() == quiet_run.results.read_bytes()
    require_no_epoch_lost(output)


def require_no_epoch_lost(output: str) -> None:
    """Each epoch that begins is told, unless it was the last one told: one further back would be told again."""
    begun: dict[str, int] = {}
    for member, epoch in re.findall(r"^(\S+): epoch (\d+)/", output, re.MULTILINE):
        assert int(epoch) >= begun.get(member, 0), f"{member} went back to epoch {epoch}"
        begun[member] = int(epoch)
    # Who ran when the machine of the progress board was lost is not heard of any more.
    assert len(begun) >= 2
