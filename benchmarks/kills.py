"""A run while processes and machines vanish at random moments: what is lost by it, and whether the result is the same.

Run it as `python benchmarks/kills.py`. It starts several Ray nodes on this machine and trains a recipe on them twice:
first undisturbed, then with a kill every minute on average, of a process that trains, or of a whole node, which is then
replaced.
"""

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ray.cluster_utils import Cluster
from rich.console import Console

from recycle.paths import RunPaths

TRAIN_ALL = Path(__file__).parents[1] / "jobs" / "train_all.py"
RECIPE = (
    "data.synthetic.images=60",
    "data.synthetic.image_size=96",
    "data.test_fraction=0.2",
    "models.0.image_size=96",
    "models.1.image_size=96",
    "fusion.trials=3",
    "retries=5",  # several kills may come before a member has gone an epoch further
)
SHARE_OF_NODES = 1 / 3


class Nodes:
    """A head that trains nothing, and workers of one core each."""

    def __init__(self, workers: int) -> None:
        self._cluster: Any = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        self._workers = [self._cluster.add_node(num_cpus=1) for _ in range(workers)]

    @property
    def address(self) -> str:
        return str(self._cluster.address)

    def lose_one(self, draws: random.Random) -> None:
        """Kills a worker without warning, and starts another."""
        victim = self._workers.pop(draws.randrange(len(self._workers)))
        self._cluster.remove_node(victim, allow_graceful=False)
        self._workers.append(self._cluster.add_node(num_cpus=1))

    def stop(self) -> None:
        self._cluster.shutdown()


@contextmanager
def nodes(workers: int, folder: Path) -> Iterator[Nodes]:
    # Ray's folder tells others which cluster runs: they must not join this one.
    os.environ["RAY_TMPDIR"] = str(folder)
    started = Nodes(workers)
    try:
        yield started
    finally:
        started.stop()


def start(root: Path, address: str, epochs: int) -> subprocess.Popen[str]:
    changes = [*RECIPE, f"models.0.epochs={epochs}", f"models.1.epochs={2 * epochs}"]
    command = [sys.executable, str(TRAIN_ALL), "--run-dir", str(root), "--set", *changes]
    environment = {**os.environ, "RAY_ADDRESS": address}
    with (root.parent / f"{root.name}.log").open("w") as log:
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, text=True, env=environment)  # noqa: S603


def trainers() -> list[int]:
    """Processes of this benchmark's nodes that train."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            is_training = folder.joinpath("cmdline").read_text().startswith("ray::TrainActor.run")
            if is_training and os.getpgid(int(folder.name)) and _is_ours(int(folder.name)):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def _is_ours(pid: int) -> bool:
    while pid > 1:
        if pid == os.getpid():
            return True
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return False


def kill_at_random(process: subprocess.Popen[str], started: Nodes, kills: int, every_s: float, seed: int) -> list[str]:
    """Kills until there were enough or the run ends; tells what was killed."""
    draws, killed = random.Random(seed), list[str]()  # noqa: S311 - no secret
    while len(killed) < kills:
        try:
            process.wait(timeout=draws.expovariate(1 / every_s))
            break
        except subprocess.TimeoutExpired:
            pass
        victims = trainers()
        if draws.random() < SHARE_OF_NODES:
            started.lose_one(draws)
            killed.append("node")
        elif victims:
            os.kill(draws.choice(victims), signal.SIGKILL)
            killed.append("process")
        else:
            continue
        print(f"{time.strftime('%X')} killed a {killed[-1]}", flush=True)
    process.wait()
    return killed


def most_epochs_lost(log: str) -> int:
    """By how many epochs a member was thrown back behind the one that it had begun; 0 if that alone is repeated."""
    begun: dict[str, int] = {}
    most = 0
    for member, epoch in re.findall(r"^(\S+): epoch (\d+)/", log, re.MULTILINE):
        most = max(most, begun.get(member, 0) - int(epoch))
        begun[member] = int(epoch)
    return most


def attempts(root: Path) -> Mapping[str, int]:
    content: dict[str, Any] = json.loads(RunPaths(root).timing.read_text())
    return {name: entry["attempts"] for name, entry in content.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--every", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument("--epochs", type=int, default=150, help="of the first model; the second has twice as many")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    console = Console(highlight=False)
    with tempfile.TemporaryDirectory(prefix="ray-") as folder, nodes(arguments.workers, Path(folder)) as started:
        quiet, disturbed = Path(folder, "quiet"), Path(folder, "disturbed")
        began = time.monotonic()
        start(quiet, started.address, arguments.epochs).wait()
        console.print(f"undisturbed: {time.monotonic() - began:.0f} s")
        began = time.monotonic()
        process = start(disturbed, started.address, arguments.epochs)
        killed = kill_at_random(process, started, arguments.kills, arguments.every, arguments.seed)
        console.print(f"disturbed: {time.monotonic() - began:.0f} s, exit status {process.returncode}")
        console.print(f"killed: {killed.count('process')} processes, {killed.count('node')} nodes")
        log = (Path(folder) / "disturbed.log").read_text()
        if process.returncode:
            console.print(log[-2000:])
            sys.exit(1)
        console.print(f"attempts: {dict(attempts(disturbed))}")
        console.print(f"epochs lost by a kill beside the one that ran: at most {most_epochs_lost(log)}")
        same = RunPaths(quiet).results.read_bytes() == RunPaths(disturbed).results.read_bytes()
        console.print(f"results equal to those of the undisturbed run: {same}")
        sys.exit(0 if same else 1)


if __name__ == "__main__":
    main()
