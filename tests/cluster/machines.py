"""Several Ray nodes on one machine, which come, go, and are killed."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from ray.cluster_utils import Cluster


class Machines:
    """A head that trains nothing, and workers of one CPU core each.

    Args:
        workers: How many there are to begin with.
        caches: Each worker has its own caches below this folder, as machines do that share no disk; None shares them.
    """

    def __init__(self, workers: int, caches: Path | None = None) -> None:
        self._cluster: Any = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        self._caches, self._numbers = caches, count()
        self.workers: list[Any] = []
        for _ in range(workers):
            self.add()

    @property
    def address(self) -> str:
        """What `RAY_ADDRESS` must be for a job to join."""
        return str(self._cluster.address)

    def add(self, **options: Any) -> None:
        """Starts a worker; options as `ray start` has them."""
        if self._caches is not None:
            options["env_vars"] = {"XDG_CACHE_HOME": str(self._caches / f"of-worker-{next(self._numbers)}")}
        self.workers.append(self._cluster.add_node(num_cpus=1, **options))

    def lose(self, node: str) -> None:
        """Kills all of a worker's processes without warning."""
        worker = self._pop(node)
        self._cluster.remove_node(worker, allow_graceful=False)

    def give_notice(self, node: str, seconds: int) -> None:
        """Tells that a worker will go, as before a cloud takes a spot machine back, and waits until it is gone."""
        command = [sys.executable, "-m", "recycle.orchestration.leave_node", str(seconds), "--node", node]
        subprocess.run(command, check=True, timeout=seconds + 60, env={**os.environ, "RAY_ADDRESS": self.address})

    def lose_head(self) -> None:
        """Kills all of the head's processes without warning, with all that it knew."""
        self._cluster.remove_node(self._cluster.head_node, allow_graceful=False)

    def stop(self) -> None:
        """Ends all of it."""
        self._cluster.shutdown()

    def _pop(self, node: str) -> Any:
        worker = next(worker for worker in self.workers if worker.node_id == node)
        self.workers.remove(worker)
        return worker


@contextmanager
def machines(workers: int, caches: Path | None = None) -> Iterator[Machines]:
    """Starts a cluster, and ends it with the block."""
    # Ray's folder tells others which cluster runs: they must not join this one. Its sockets need short paths.
    with tempfile.TemporaryDirectory(prefix="ray-") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TMPDIR", folder)
        started = Machines(workers, caches)
        try:
            yield started
        finally:
            started.stop()
