"""Joining the cluster, or starting Ray on this machine where there is none."""

import logging
import signal
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import ray

from recycle.environment import keep_private
from recycle.errors import ResourceError
from recycle.orchestration.nodes import GIB, Needs, Node
from recycle.recipe import Model, Resources

GPU_MEMORY_LABEL = "recycle/gpu-memory-gib"
"""Of a node: the memory of each of its GPUs, for those that `nvidia-smi` does not tell (`ray start --labels`)."""


@contextmanager
def connected() -> Iterator[None]:
    """Joins the cluster of this machine (as after `ray submit`), or starts Ray here and stops it afterwards.

    Raises:
        ResourceError: If Ray does not start, as on a machine that has no time or memory left for it.
    """
    keep_private()
    on_terminate = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(dashboard_host="127.0.0.1", log_to_driver=False, logging_level=logging.WARNING)
    except Exception as error:  # Ray has no narrower one for this
        raise ResourceError(f"Ray could not be started: {error}") from error
    signal.signal(signal.SIGTERM, on_terminate)  # Ray puts its own, which ends the process at once
    try:
        yield
    finally:
        ray.shutdown()


def ray_resources(resources: Resources) -> dict[str, float]:
    """A member's resources under Ray's names; memory in bytes."""
    wanted = {"CPU": resources.num_cpus, "GPU": resources.num_gpus, "memory": resources.memory_gib * GIB}
    return {name: amount for name, amount in wanted.items() if amount > 0}


def cluster_resources() -> dict[str, float]:
    """What all nodes have together, as Ray counts it."""
    return dict(ray.cluster_resources())  # type: ignore[no-untyped-call]


def cluster_nodes() -> list[Node]:
    """The living nodes; memory of GPUs where a label tells it."""
    return [
        Node(node["NodeID"], dict(node["Resources"]), float(node["Labels"].get(GPU_MEMORY_LABEL, 0)))
        for node in ray.nodes()  # type: ignore[no-untyped-call]
        if node["Alive"]
    ]


def largest_node_cpus() -> int:
    """CPU cores of the living node that has most of them."""
    return max(int(node.resources.get("CPU", 1)) for node in cluster_nodes())


def require_resources(models: Iterable[Model], nodes: Sequence[Node]) -> None:
    """Refuses, before anything trains, models that fit on no node and so could never start.

    Raises:
        ResourceError: With every such model, what it asks for, and what the best node has of it.
    """
    wanted = {model.name: Needs.of(model.resources) for model in models}
    problems = [misfit(name, needs, nodes) for name, needs in wanted.items() if not needs.fit_any(nodes)]
    if problems:
        raise ResourceError("\n".join(problems))


def misfit(name: str, needs: Needs, nodes: Sequence[Node]) -> str:
    """What a model, or one of its members, asks for, and what the best of nodes that cannot run it has of that."""
    wanted = {"CPU": needs.cpus, "GPU": needs.gpus, "memory": needs.memory}
    parts = [
        f"{_amount(kind, amount)} of at most {_amount(kind, _most(kind, nodes))}"
        for kind, amount in wanted.items()
        if amount
    ]
    if needs.gpu_memory_gib:
        most = max((node.gpu_memory_gib for node in nodes), default=0)
        parts.append(f"gpu_memory={needs.gpu_memory_gib:.3g} GiB of at most gpu_memory={most:.3g} GiB")
    return f"resources of {name!r}: no node of the cluster has what it asks for: {', '.join(parts)}"


def _most(name: str, nodes: Sequence[Node]) -> float:
    return max((node.resources.get(name, 0) for node in nodes), default=0)


def _amount(name: str, amount: float) -> str:
    return f"memory={amount / GIB:g} GiB" if name == "memory" else f"{name}={amount:g}"
