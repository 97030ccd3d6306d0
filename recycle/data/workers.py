"""How many processes prepare the images of one network, and how far ahead of it."""

import math
import os
from typing import Any

LEAST_AHEAD = 2
"""Batches that each worker keeps ready: the one to be taken and the one it works on."""

BATCHES_AHEAD = 4
"""Batches that all workers together keep ready at least, so that one slow image does not make the network wait."""


def loader_options(num_cpus: float, *, has_gpu: bool) -> dict[str, Any]:
    """Options of torch's `DataLoader` that fit what a member occupies.

    A GPU gets all cores but the one that drives it, and one at least. Where the network runs on the cores itself,
    it takes far longer than its images do: one worker keeps them ready, and none where there is one core.

    Args:
        num_cpus: Cores that the member occupies; no more than the machine gives this process are counted.
        has_gpu: Whether the network runs on a GPU.

    Returns:
        `num_workers`, `persistent_workers` and `prefetch_factor`.
    """
    cores = int(min(num_cpus, _machine_cores()))
    workers = max(1, cores - 1) if has_gpu else int(cores > 1)
    return {
        "num_workers": workers,
        "persistent_workers": workers > 0,
        "prefetch_factor": max(LEAST_AHEAD, math.ceil(BATCHES_AHEAD / workers)) if workers else None,
    }


def _machine_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
