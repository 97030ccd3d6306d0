"""What an autoscaler may add to the cluster, and how it is asked to."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ray
import yaml
from ray.autoscaler.sdk import request_resources
from ray.exceptions import ActorDiedError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from recycle.orchestration.nodes import Needs, Node
from recycle.orchestration.progress_board import ActorHandle

BOOTSTRAP_CONFIG = Path("~/ray_bootstrap_config.yaml")
"""What `ray up` leaves on the head for the autoscaler: the cluster's file, with the resources of each kind of node."""

SECONDS_BETWEEN_LOOKS = 5.0


class RequestWatch:
    """Outlives the driver: what it asked the autoscaler for would keep machines, and cost money, for good."""

    def run(self, board: ActorHandle) -> None:
        """Waits until a driver's progress board has ended with it, and takes back what it asked for."""
        while not _has_ended(board):
            time.sleep(SECONDS_BETWEEN_LOOKS)
        ask_for([])
        ray.actor.exit_actor()  # type: ignore[no-untyped-call]


def nodes_that_may_come() -> list[Node]:
    """One node of each kind that the autoscaler may start; none where there is no autoscaler."""
    config = ray._private.state.state.get_cluster_config()  # `ray.nodes` tells of those alone that are there
    if config is not None and config.node_group_configs:
        groups = [(group.name, dict(group.resources), group.max_count) for group in config.node_group_configs]
    else:
        groups = _launched_groups(BOOTSTRAP_CONFIG.expanduser())
    # Not every provider tells the memory of its machines.
    return [Node(name, {"memory": float("inf"), **resources}) for name, resources, count in groups if count != 0]


def ask_for(members: Sequence[Needs]) -> None:
    """Asks the autoscaler, if there is one, for nodes on which all these members could run at once."""
    bundles = [
        {name: amount for name, amount in (("CPU", one.cpus), ("GPU", one.gpus), ("memory", one.memory)) if amount}
        for one in members
    ]
    request_resources(bundles=bundles)


def start_request_watch(board: ActorHandle) -> ActorHandle:
    """Starts a process that takes back what was asked for once the driver is gone, even if it was killed.

    Args:
        board: The driver's progress board, which ends with it.

    Returns:
        The process, which a driver that takes it back by itself kills.
    """
    actor: Any = ray.remote(RequestWatch)
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
    watch = actor.options(num_cpus=0, lifetime="detached", scheduling_strategy=here).remote()
    watch.run.remote(board)
    return watch


def _has_ended(board: ActorHandle) -> bool:
    try:
        ray.get(board.is_up.remote(), timeout=SECONDS_BETWEEN_LOOKS)
    except ActorDiedError:
        return True
    except RayError:  # it comes back, or has no time
        return False
    return False


def _launched_groups(path: Path) -> list[tuple[str, dict[str, float], int]]:
    if not path.is_file():
        return []
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    kinds: dict[str, Any] = content.get("available_node_types", {})
    most = content.get("max_workers", 0)
    return [(name, dict(kind.get("resources", {})), kind.get("max_workers", most)) for name, kind in kinds.items()]
