"""Members on machines that differ, for real: which machine runs them, and what becomes of those that none can run."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from recycle.orchestration.cluster import GPU_MEMORY_LABEL
from recycle.paths import RunPaths
from tests.cluster.attempts import records
from tests.cluster.machines import Machines, machines
from tests.orchestration.job import read_json, train_tiny, wait_for
from tests.orchestration.test_run import ONE_EPOCH

pytestmark = pytest.mark.training


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machines]:
    with machines(workers=0) as started:
        monkeypatch.setenv("RAY_ADDRESS", started.address)
        yield started


def models(**changes: dict[str, Any]) -> str:
    """A recipe's models of these names, each trained on one fold."""
    return "models=" + json.dumps(
        [{**ONE_EPOCH, "name": name, "folds": [0], **change} for name, change in changes.items()]
    )


def with_gpu_memory(gib: float) -> dict[str, Any]:
    return {"resources": {"num_gpus": 1, "gpu_memory_gib": gib}}


def path_with_gpu_of(mib: int, folder: Path) -> str:
    """A PATH on which `nvidia-smi` tells of a GPU of such memory, as this machine has none."""
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\necho {mib}\n")
    program.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def test_memory_of_gpus_decides_where_members_run_and_what_fits_nowhere_is_given_up(
    cluster: Machines, tmp_path: Path
) -> None:
    cluster.add(num_gpus=1, env_vars={"PATH": path_with_gpu_of(16384, tmp_path)})
    cluster.add(num_gpus=1, labels={GPU_MEMORY_LABEL: "24"})
    _, large = (worker.node_id for worker in cluster.workers)
    paths = RunPaths(tmp_path / "run")
    # That of 40 GiB might fit the first machine, until that has told how much it has.
    needs = {"one": with_gpu_memory(20), "two": with_gpu_memory(20), "none": with_gpu_memory(40)}
    process = train_tiny(paths.root, changes=[models(**needs)])
    output, errors = process.communicate(timeout=600)
    assert process.returncode == 1, output + errors
    nodes = {record["member"]: record["node"] for record in records(paths) if record["event"] == "started"}
    assert nodes == {"one-fold0": large, "two-fold0": large}
    (reason,) = read_json(paths.results)["failed"].values()
    assert reason.endswith("GPU=1 of at most GPU=1, gpu_memory=40 GiB of at most gpu_memory=24 GiB")


def test_what_fails_the_same_way_on_two_machines_is_given_up_with_its_log(cluster: Machines, tmp_path: Path) -> None:
    cluster.add()
    cluster.add()
    paths = RunPaths(tmp_path / "run")
    changes = [models(one={"epochs": 200}), "data.image_cache_gib=0", "retries=9"]
    process = train_tiny(paths.root, changes=changes)
    wait_for(lambda: paths.progress.is_file() and read_json(paths.progress)["running"].get("one-fold0"), process, "it")
    for image in (paths.sample / "images").iterdir():
        image.unlink()
    output, errors = process.communicate(timeout=600)
    assert process.returncode == 1, output + errors
    assert len({record["node"] for record in records(paths) if record["event"] == "started"}) == 2
    told = " ".join(output.split())
    assert "(the same on " in told
    log = paths.member(0, "one-fold0") / "error.txt"
    assert f"(details: {log})" in told
    assert "train_member" in log.read_text()  # the traceback
    assert "\x1b" not in log.read_text()
