"""What an autoscaler may add to the cluster, and how it is asked to."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ray
import yaml
from ray.autoscaler.sdk import request_resources

from recycle.orchestration.nodes import Needs, Node

BOOTSTRAP_CONFIG = Path("~/ray_bootstrap_config.yaml")
"""What `ray up` leaves on the head for the autoscaler: the cluster's file, with the resources of each kind of node."""


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


def _launched_groups(path: Path) -> list[tuple[str, dict[str, float], int]]:
    if not path.is_file():
        return []
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    kinds: dict[str, Any] = content.get("available_node_types", {})
    most = content.get("max_workers", 0)
    return [(name, dict(kind.get("resources", {})), kind.get("max_workers", most)) for name, kind in kinds.items()]
