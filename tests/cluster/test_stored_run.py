"""A run whose machines share no disk: what one driver finished, another goes on with, from the storage alone."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from recycle.orchestration.finished_run import read_ensemble
from recycle.paths import RunPaths
from recycle.storage import Storage
from tests.object_store import CREDENTIALS, ObjectStore, object_store
from tests.orchestration.job import kill, train_tiny, training_processes, wait_for

pytestmark = pytest.mark.training


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    with object_store(tmp_path / "log") as started:
        yield started


def test_a_new_head_goes_on_where_a_lost_one_was(store: ObjectStore, tmp_path: Path, quiet_run: RunPaths) -> None:
    address = store.address("bucket", "runs")
    paths = RunPaths(tmp_path / "run")
    process = train_tiny(paths.root, changes=[f"storage={address}"])
    stored = Storage(address).part("run")
    wait_for(lambda: stored.holds("ledger.jsonl"), process, "a member was finished")
    trainers = training_processes(process)
    kill(process.pid)
    process.communicate()
    wait_for_the_end_of(trainers)
    finished = (stored.read("ledger.jsonl") or b"").decode().splitlines()
    for lost in (paths.root, tmp_path / "caches"):
        shutil.rmtree(lost)

    process = train_tiny(paths.root, "--resume=if-begun", changes=[f"storage={address}"])
    output, errors = process.communicate(timeout=600)
    assert process.returncode == 0, output + errors
    assert f"{len(finished)} of 4 members were finished before" in output
    assert paths.ledger.read_text().splitlines()[: len(finished)] == finished
    assert paths.results.read_bytes() == quiet_run.results.read_bytes()
    names = {file.name for file in stored.files()}
    assert {"results.json", "submission.csv", "round0/members/yolov5-fold1/last.pth", "fusion.journal"} <= names
    assert not list(paths.root.rglob("*.pth"))
    assert all(member.weights.is_file() for member in read_ensemble(paths.root).members)


def wait_for_the_end_of(pids: list[int]) -> None:
    """Ray's processes end with their driver; until then they might still write."""
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.2)
