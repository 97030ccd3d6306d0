"""Machines come while members wait, and are not asked for any more once nobody waits, whatever became of the driver."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from recycle.paths import RunPaths
from tests.cluster.attempts import records
from tests.namespaces import UNSHARE, can_isolate
from tests.orchestration.job import kill, train_tiny, wait_for

ROOT = Path(__file__).parents[2]
ADDRESS = "127.0.0.1:6379"
HEAD = "ray.head.default"
"""What Ray's provider of tests calls it."""

pytestmark = [
    pytest.mark.training,
    pytest.mark.skipif(shutil.which("ip") is None or not can_isolate(), reason="needs a network of its own"),
]


def test_machines_come_and_are_given_back_when_the_driver_was_killed(tmp_path: Path) -> None:
    script = f"from tests.cluster.test_autoscaling import kill_a_driver; kill_a_driver({str(tmp_path)!r})"
    # Ray's port is fixed, and its sockets need a short path.
    prepare = f'ip link set lo up && mount --bind {tmp_path} /mnt && exec "$0" -c "$1"'
    environment = {**os.environ, "HOME": str(tmp_path), "RAY_TMPDIR": "/mnt"}
    result = subprocess.run(
        [*UNSHARE, "sh", "-c", prepare, sys.executable, script],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        cwd=ROOT,
        env=environment,
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]


def kill_a_driver(home: str) -> None:
    """Has a head start machines for members, kills the driver, and waits until no machine is asked for."""
    file = Path(home) / "ray_bootstrap_config.yaml"  # where `ray up` leaves it
    file.write_text(yaml.safe_dump(cluster_config()))
    environment = {**os.environ, "RAY_FAKE_CLUSTER": "1", "AUTOSCALER_UPDATE_INTERVAL_S": "1"}
    environment["RAY_enable_autoscaler_v2"] = "0"
    start = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--num-cpus=0"]
    subprocess.run([*start, f"--autoscaling-config={file}"], check=True, env=environment)
    os.environ["RAY_ADDRESS"] = ADDRESS
    paths = RunPaths(Path(home) / "run")
    process = train_tiny(paths.root)
    wait_for(lambda: len({record["node"] for record in records(paths)}) == 2, process, "two machines were used")
    assert "'CPU': 1.0" in requested()
    kill(process.pid)
    process.communicate()
    deadline = time.monotonic() + 120
    while requested() != "(none)":
        assert time.monotonic() < deadline, f"still asked for: {requested()}"
        time.sleep(1)


def requested() -> str:
    """What the autoscaler is asked for: machines that nobody asks for are its to take back."""
    command = [sys.executable, "-m", "ray.scripts.scripts", "status", "--address", ADDRESS]
    status = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return status.partition("From request_resources:")[2].partition("Pending Demands:")[0].strip()


def cluster_config() -> dict[str, Any]:
    """A cluster of Ray's provider that starts nodes on this machine, as `ray up` completes such a file."""
    commands = ("setup", "head_setup", "worker_setup", "initialization", "head_start_ray", "worker_start_ray")
    return {
        "cluster_name": "test",
        "provider": {"type": "fake_multinode", "disable_node_updaters": True, "disable_launch_config_check": True},
        "max_workers": 2,
        "upscaling_speed": 1.0,
        "idle_timeout_minutes": 5,
        "available_node_types": {
            HEAD: {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
            "worker": {"resources": {"CPU": 1}, "node_config": {}, "min_workers": 0, "max_workers": 2},
        },
        "head_node_type": HEAD,
        "auth": {},
        "file_mounts": {},
        "cluster_synced_files": [],
        **{f"{name}_commands": [] for name in commands},
    }
