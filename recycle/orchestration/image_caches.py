"""The caches of decoded images on the nodes of the cluster, which go when their run ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from recycle.data.image_cache import remove_image_cache

SECONDS_TO_REMOVE = 30.0
"""A node that takes longer keeps its cache until the next run there."""


@contextmanager
def image_caches_removed(name: str) -> Iterator[None]:
    """Removes the cache of this name from every node when the block ends, however it ends."""
    try:
        yield
    finally:
        removals = [_start_removal(name, node["NodeID"]) for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
        ray.wait(removals, num_returns=len(removals), timeout=SECONDS_TO_REMOVE)


def _start_removal(name: str, node: str) -> "ray.ObjectRef[None]":
    task: Any = ray.remote(remove_image_cache)
    removal: ray.ObjectRef[None] = task.options(
        num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)
    ).remote(name)
    return removal
