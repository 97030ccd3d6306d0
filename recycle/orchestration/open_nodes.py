"""The nodes of the cluster on which members may start, as nodes come and go."""

import socket
import subprocess
from dataclasses import replace
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from recycle.orchestration.cluster import cluster_nodes
from recycle.orchestration.nodes import Node

QUERY = ("nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits")
MIB_A_GIB = 1024
SECONDS_TO_ANSWER = 3.0
SECONDS_TO_ANSWER_AGAIN = 0.2
"""Of a node that did not answer before: each look waits for it."""


class OpenNodes:
    """Knows which nodes live, which are about to go, and how much memory their GPUs have, which each is asked once."""

    def __init__(self) -> None:
        self._alive: list[Node] = []
        self._seen: dict[str, Node] = {}
        self._leaving: frozenset[str] = frozenset()
        self._lost: set[str] = set()
        self._gpu_memory: dict[str, float] = {}
        self._asked: dict[str, ray.ObjectRef[float]] = {}

    def look(self) -> None:
        """Learns what has changed."""
        self._alive = cluster_nodes()
        self._leaving = draining_nodes()
        self._lost = {node for node in self._lost if not _answers(node, SECONDS_TO_ANSWER_AGAIN)}
        self._read_answers()
        for node in self._alive:
            if self._is_unknown(node) and node.id not in self._asked:
                self._asked[node.id] = _ask_for_gpu_memory(node.id)
        self._seen |= {node.id: node for node in self._known}

    @property
    def open(self) -> list[Node]:
        """Nodes that will stay; those with GPUs as soon as their memory is known."""
        return [node for node in self._known if node.id not in self._leaving | self._lost]

    @property
    def seen(self) -> list[Node]:
        """All nodes that there ever were and of which all is known."""
        return list(self._seen.values())

    @property
    def are_known(self) -> bool:
        """Whether all is known of every node that lives."""
        return not any(map(self._is_unknown, self._alive))

    @property
    def _known(self) -> list[Node]:
        return [
            replace(node, gpu_memory_gib=node.gpu_memory_gib or self._gpu_memory.get(node.id, 0.0))
            for node in self._alive
            if not self._is_unknown(node)
        ]

    def is_alive(self, node: str) -> bool:
        """Whether a node answers now, even if it is about to go; Ray itself may take half a minute to notice a loss."""
        is_there = _answers(node, SECONDS_TO_ANSWER)
        if not is_there:
            self._lost.add(node)
        return is_there

    def is_leaving(self, node: str) -> bool:
        """Whether a node was about to go at the last look."""
        return node in self._leaving

    def _is_unknown(self, node: Node) -> bool:
        return node.gpus > 0 and not node.gpu_memory_gib and node.id not in self._gpu_memory

    def _read_answers(self) -> None:
        for node, answer in list(self._asked.items()):
            if ray.wait([answer], timeout=0)[0]:
                del self._asked[node]
                try:
                    self._gpu_memory[node] = ray.get(answer)
                except RayError:  # the node is gone, or takes no more tasks
                    self._gpu_memory[node] = 0.0


def draining_nodes() -> frozenset[str]:
    """Ids of the nodes that are about to go, as after a spot notice."""
    worker: Any = ray._private.worker.global_worker  # only the state API of the dashboard tells this too
    return frozenset(worker.gcs_client.get_draining_nodes())


def _answers(node: str, seconds: float) -> bool:
    place = next((one for one in ray.nodes() if one["NodeID"] == node and one["Alive"]), None)  # type: ignore[no-untyped-call]
    if place is None:
        return False
    try:
        socket.create_connection((place["NodeManagerAddress"], place["NodeManagerPort"]), timeout=seconds).close()
    except OSError:
        return False
    return True


def _ask_for_gpu_memory(node: str) -> "ray.ObjectRef[float]":
    task: Any = ray.remote(_smallest_gpu_gib)
    here = NodeAffinitySchedulingStrategy(node, soft=False)
    answer: ray.ObjectRef[float] = task.options(num_cpus=0, scheduling_strategy=here).remote()
    return answer


def _smallest_gpu_gib() -> float:
    """Memory of the smallest GPU of this machine; 0 where nothing tells it."""
    try:
        output = subprocess.run(QUERY, capture_output=True, text=True, check=True, timeout=30).stdout  # noqa: S603
        return min((float(line) for line in output.split()), default=0.0) / MIB_A_GIB
    except (OSError, ValueError, subprocess.SubprocessError):
        return 0.0
