"""A run whose machines share no disk outlives an outage of its storage, the loss of a machine, and that of them all."""

import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from recycle.orchestration.finished_run import read_ensemble
from recycle.paths import RunPaths
from recycle.storage import Storage
from tests.cluster.attempts import failures, heard, require_no_epoch_lost
from tests.cluster.machines import machines
from tests.object_store import CREDENTIALS, ObjectStore, object_store
from tests.orchestration.job import train_tiny, wait_for

pytestmark = pytest.mark.training

SECONDS_OUT_OF_REACH = 10
"""More than a request to the storage waits."""


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    monkeypatch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", "5")  # instead of a minute
    with object_store(tmp_path / "log") as started:
        yield started


def test_a_new_cluster_goes_on_where_a_lost_one_was(
    store: ObjectStore, tmp_path: Path, quiet_run: RunPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = store.address("bucket", "runs")
    paths, stored = RunPaths(tmp_path / "run"), Storage(address).part("run")
    with machines(workers=2, caches=tmp_path / "caches") as cluster:
        monkeypatch.setenv("RAY_ADDRESS", cluster.address)
        process = train_tiny(paths.root, changes=[f"storage={address}"])
        _, node = min(wait_for(lambda: heard(paths, stored.holds), process, "a checkpoint was stored").items())
        store.process.send_signal(signal.SIGSTOP)
        time.sleep(SECONDS_OUT_OF_REACH)
        store.process.send_signal(signal.SIGCONT)
        cluster.lose(node)
        cluster.add()
        wait_for(lambda: "its machine was lost" in failures(paths), process, "its loss was noticed")
        wait_for(lambda: stored.holds("ledger.jsonl"), process, "a member was finished")
        assert failures(paths) == ["its machine was lost"]  # and nothing for want of the storage
        cluster.lose_head()
        before, _ = process.communicate(timeout=120)
        assert process.returncode
    finished = (stored.read("ledger.jsonl") or b"").decode().splitlines()
    assert 0 < len(finished) < 4
    for lost in (paths.root, tmp_path / "caches"):
        shutil.rmtree(lost)

    with machines(workers=2, caches=tmp_path / "caches") as cluster:
        monkeypatch.setenv("RAY_ADDRESS", cluster.address)
        process = train_tiny(paths.root, "--resume=if-begun", changes=[f"storage={address}"])
        output, errors = process.communicate(timeout=600)
    assert process.returncode == 0, output + errors
    assert f"{len(finished)} of 4 members were finished before" in output
    assert paths.ledger.read_text().splitlines()[: len(finished)] == finished
    require_no_epoch_lost(before + output)
    assert paths.results.read_bytes() == quiet_run.results.read_bytes()
    names = {file.name for file in stored.files()}
    assert {"results.json", "submission.csv", "round0/members/yolov5-fold1/last.pth", "fusion.journal"} <= names
    assert not list(tmp_path.rglob("run/**/*.pth"))
    assert_machines_are_clean(tmp_path / "caches")
    assert all(member.weights.is_file() for member in read_ensemble(paths.root).members)


def assert_machines_are_clean(caches: Path) -> None:
    """Each has its copy of what it needed, and nothing of members that ended there."""
    workers = [folder for folder in caches.glob("of-worker-*") if (folder / "recycle" / "runs").is_dir()]
    assert len(workers) == 2
    assert not [path for path in caches.rglob("*") if path.suffix in (".pth", ".parquet")]
