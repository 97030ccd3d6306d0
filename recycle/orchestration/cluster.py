"""Joining the cluster, or starting Ray on this machine where there is none."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import ray

from recycle.environment import keep_private
from recycle.errors import ResourceError
from recycle.recipe import Model, Resources

GIB = 2**30


@contextmanager
def connected() -> Iterator[Mapping[str, float]]:
    """Joins the cluster of this machine (as after `ray submit`), or starts Ray here and stops it afterwards.

    Yields:
        The cluster's resources as Ray counts them.
    """
    keep_private()
    if not ray.is_initialized():
        ray.init(dashboard_host="127.0.0.1", log_to_driver=False, logging_level=logging.WARNING)
    try:
        yield ray.cluster_resources()  # type: ignore[no-untyped-call]
    finally:
        ray.shutdown()


def ray_resources(resources: Resources) -> dict[str, float]:
    """A member's resources under Ray's names; memory in bytes."""
    wanted = {"CPU": resources.num_cpus, "GPU": resources.num_gpus, "memory": resources.memory_gib * GIB}
    return {name: amount for name, amount in wanted.items() if amount > 0}


def require_resources(models: Sequence[Model], available: Mapping[str, float]) -> None:
    """Refuses, before anything trains, models that could never start.

    Raises:
        ResourceError: With every model that asks for more than the whole cluster has.
    """
    problems = [
        f"models.{position}.resources: {model.name!r} asks for {_amount(name, wanted)}, but the cluster has "
        f"{_amount(name, available.get(name, 0))}"
        for position, model in enumerate(models)
        for name, wanted in ray_resources(model.resources).items()
        if wanted > available.get(name, 0)
    ]
    if problems:
        raise ResourceError("\n".join(problems))


def _amount(name: str, amount: float) -> str:
    return f"memory={amount / GIB:g} GiB" if name == "memory" else f"{name}={amount:g}"
