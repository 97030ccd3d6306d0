"""Tells Ray that a machine is about to go: `python -m recycle.orchestration.leave_node SECONDS`, run on it."""

import argparse
import time
from typing import Any

import ray
from ray._raylet import GcsClient  # type: ignore[attr-defined]
from ray.core.generated import autoscaler_pb2

from recycle.environment import keep_private

SECONDS_BETWEEN_LOOKS = 0.5


def leave_node(seconds: float, node: str = "") -> None:
    """Announces a machine's end, so that members there write a checkpoint and nothing more starts there, and waits.

    Ray ends there by itself once nothing runs any more, and this returns then, or when the time is over.

    Args:
        seconds: How long the machine will still be there.
        node: Ray's id of it; this machine if empty.

    Raises:
        ConnectionError: If no Ray node runs here.
        RuntimeError: If Ray refuses, with its reason.
    """
    deadline = time.time() + seconds
    ray.init(address="auto", log_to_driver=False)
    context = ray.get_runtime_context()
    node, address = node or context.get_node_id(), context.gcs_address
    ray.shutdown()  # a connection through this machine's Ray would be lost with it
    gcs: Any = GcsClient(address=address)  # there is no public call for this
    messages: Any = autoscaler_pb2
    reason = messages.DrainNodeReason.Value("DRAIN_NODE_REASON_PREEMPTION")
    is_accepted, why_not = gcs.drain_node(node, reason, "the machine is taken back", int(deadline * 1000))
    if not is_accepted:
        raise RuntimeError(f"Ray does not let this machine go: {why_not}")
    while time.time() < deadline and gcs.check_alive([ray.NodeID.from_hex(node)])[0]:
        time.sleep(SECONDS_BETWEEN_LOOKS)


if __name__ == "__main__":
    keep_private()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seconds", type=float, help="how long the machine will still be there")
    parser.add_argument("--node", default="", metavar="ID", help="Ray's id of the machine (default: this one)")
    arguments = parser.parse_args()
    leave_node(arguments.seconds, arguments.node)
