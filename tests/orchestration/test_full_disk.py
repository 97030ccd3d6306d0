"""A disk that fills up while members train: what was finished stays, one message tells why, and the run goes on."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from recycle.paths import RunPaths
from tests.namespaces import UNSHARE, can_isolate
from tests.orchestration.job import train_tiny, wait_for
from tests.orchestration.test_run import ONE_EPOCH

REPOSITORY = Path(__file__).parents[2]
DISK = "300m"

pytestmark = [
    pytest.mark.training,
    pytest.mark.skipif(shutil.which("ip") is None or not can_isolate(), reason="needs mounts and a network of its own"),
]


def test_what_was_finished_stays_and_the_run_goes_on_when_there_is_room(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    script = f"from tests.orchestration.test_full_disk import fill_amid_a_run; fill_amid_a_run({str(disk)!r})"
    mount = f"mount -t tmpfs -o size={DISK} none {disk}"
    command = [*UNSHARE, "sh", "-c", f'ip link set lo up && {mount} && exec "$0" -c "$1"', sys.executable, script]
    result = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, cwd=REPOSITORY)
    assert result.returncode == 0, result.stdout + result.stderr


def fill_amid_a_run(disk: str) -> None:
    """Leaves no room after the first member, and takes the filling away again."""
    paths = RunPaths(Path(disk) / "run")
    # One after the other, so that there is something left to train.
    models = json.dumps([{**ONE_EPOCH, "epochs": 3, "resources": {"num_cpus": 2}}])
    changes = [f"models={models}", "retries=0"]
    process = train_tiny(paths.root, changes=changes)
    wait_for(paths.ledger.is_file, process, "a member was finished")
    filling = Path(disk) / "filling"
    fill(filling)
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 2, output + errors
    finished = paths.ledger.read_text().splitlines()
    assert len(finished) == 1
    assert "there is no room for it on its disk" in output + errors
    assert "Traceback" not in errors

    filling.unlink()
    process = train_tiny(paths.root, "--resume", changes=changes)
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, output + errors
    assert "1 of 2 members were finished before" in output
    assert paths.ledger.read_text().splitlines()[:1] == finished
    assert json.loads(paths.results.read_text())["failed"] == {}


def fill(path: Path) -> None:
    """Writes until nothing more fits."""
    block = bytes(1 << 20)
    with path.open("wb", buffering=0) as file:
        while True:
            try:
                file.write(block)
            except OSError:
                return
