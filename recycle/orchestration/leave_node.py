"""Tells Ray that a machine is about to go: `python -m recycle.orchestration.leave_node SECONDS`, run on it."""

import argparse
import time
from typing import Any

import ray
from ray.core.generated import autoscaler_pb2

from recycle.environment import keep_private


def leave_node(seconds: float, node: str = "") -> None:
    """Announces a machine's end, so that members there write a checkpoint and nothing more starts there.

    Args:
        seconds: How long it will still be there.
        node: Ray's id of it; this machine if empty.

    Raises:
        ConnectionError: If no Ray node runs here.
        RuntimeError: If Ray refuses, with its reason.
    """
    ray.init(address="auto", log_to_driver=False)
    messages: Any = autoscaler_pb2
    worker: Any = ray._private.worker.global_worker  # there is no public call for this
    reason = messages.DrainNodeReason.Value("DRAIN_NODE_REASON_PREEMPTION")
    node = node or ray.get_runtime_context().get_node_id()
    deadline_ms = int((time.time() + seconds) * 1000)
    is_accepted, why_not = worker.gcs_client.drain_node(node, reason, "the machine is taken back", deadline_ms)
    if not is_accepted:
        raise RuntimeError(f"Ray does not let this machine go: {why_not}")


if __name__ == "__main__":
    keep_private()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seconds", type=float, help="how long the machine will still be there")
    parser.add_argument("--node", default="", metavar="ID", help="Ray's id of the machine (default: this one)")
    arguments = parser.parse_args()
    leave_node(arguments.seconds, arguments.node)
