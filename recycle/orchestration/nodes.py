"""What the nodes of a cluster have free, GPU by GPU, and what a member would take of one."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from recycle.recipe import Resources

GIB = 2**30
TOLERANCE = 1e-6
"""Fractions of a GPU do not add up exactly."""
SMALLEST_SHARE = 1e-4
"""Of a GPU, as Ray counts."""


@dataclass(frozen=True)
class Node:
    """A machine of the cluster.

    Attributes:
        id: Ray's id of it.
        resources: What it has, under Ray's names; memory in bytes.
        gpu_memory_gib: Memory of each of its GPUs; 0 where that is not known.
    """

    id: str
    resources: Mapping[str, float]
    gpu_memory_gib: float = 0.0

    @property
    def gpus(self) -> int:
        """How many GPUs it has."""
        return int(self.resources.get("GPU", 0))


@dataclass(frozen=True)
class Needs:
    """What a member asks for, whatever the node.

    Attributes:
        cpus: CPU cores.
        gpus: GPUs: whole ones, or the least share of one.
        memory: Main memory in bytes.
        gpu_memory_gib: Memory of each GPU that it uses; 0 where that is not known.
    """

    cpus: float
    gpus: float = 0.0
    memory: float = 0.0
    gpu_memory_gib: float = 0.0

    @classmethod
    def of(cls, resources: Resources, measured_gpu_memory_gib: float = 0.0) -> Self:
        """The needs of a model, which the recipe tells; GPU memory as it was measured where the recipe is silent."""
        gpu_memory = resources.gpu_memory_gib or measured_gpu_memory_gib
        return cls(
            resources.num_cpus,
            resources.num_gpus,
            resources.memory_gib * GIB,
            gpu_memory if resources.num_gpus else 0.0,
        )

    def on(self, node: Node) -> dict[str, float] | None:
        """What is taken of a node, under Ray's names; None if the node could not run it even when empty.

        Of a GPU that has room for several members each takes its share of the memory.
        """
        share = self.gpus
        if self.gpu_memory_gib and node.gpu_memory_gib:
            part = self.gpu_memory_gib / node.gpu_memory_gib
            if part > 1:
                return None
            share = max(share, _round_up(part))
        wanted = {"CPU": self.cpus, "GPU": share, "memory": self.memory}
        taken = {name: amount for name, amount in wanted.items() if amount > 0}
        fits = all(amount <= node.resources.get(name, 0) + TOLERANCE for name, amount in taken.items())
        return taken if fits else None

    def fit_any(self, nodes: Iterable[Node]) -> bool:
        """Whether one of these nodes could run it when empty."""
        return any(self.on(node) is not None for node in nodes)


@dataclass(frozen=True)
class Claim:
    """What a member has of a node.

    Attributes:
        node: Ray's id of the node.
        resources: Amounts under Ray's names; memory in bytes.
        gpus: Positions of the GPUs of which it has all, or a share.
    """

    node: str
    resources: Mapping[str, float]
    gpus: tuple[int, ...] = ()


class Room:
    """What is free of one node.

    Args:
        node: The node, empty to begin with.
    """

    def __init__(self, node: Node) -> None:
        self.node = node
        self._free = {name: amount for name, amount in node.resources.items() if name in ("CPU", "memory")}
        self._gpus = [1.0] * node.gpus

    def copy(self) -> "Room":
        """What is free now, to be changed apart from this."""
        other = Room(self.node)
        other._free, other._gpus = dict(self._free), list(self._gpus)
        return other

    def claim(self, needs: Needs) -> Claim | None:
        """What a member would take now; None if it does not fit."""
        wanted = needs.on(self.node)
        if wanted is None:
            return None
        if any(wanted.get(name, 0) > self._free.get(name, 0) + TOLERANCE for name in ("CPU", "memory")):
            return None
        gpus = self._choose_gpus(wanted.get("GPU", 0))
        return None if gpus is None else Claim(self.node.id, wanted, gpus)

    def take(self, claim: Claim) -> None:
        """Takes away what a member has."""
        self._change(claim, -1)

    def give_back(self, claim: Claim) -> None:
        """Adds what a member had."""
        self._change(claim, 1)

    def free(self, name: str) -> float:
        """How much is free of a resource, under Ray's name."""
        return sum(self._gpus) if name == "GPU" else self._free.get(name, 0.0)

    def _choose_gpus(self, wanted: float) -> tuple[int, ...] | None:
        """Whole GPUs, or for a share the fullest GPU that has room for it, as Ray does it."""
        if wanted <= 0:
            return ()
        share = min(wanted, 1.0)
        open_to_it = [index for index, free in enumerate(self._gpus) if free >= share - TOLERANCE]
        open_to_it.sort(key=lambda index: self._gpus[index])
        count = math.ceil(wanted - TOLERANCE)
        return tuple(open_to_it[:count]) if len(open_to_it) >= count else None

    def _change(self, claim: Claim, sign: int) -> None:
        for name in self._free:
            self._free[name] += sign * claim.resources.get(name, 0.0)
        for index in claim.gpus:
            self._gpus[index] += sign * min(claim.resources["GPU"], 1.0)


def _round_up(share: float) -> float:
    return math.ceil(share / SMALLEST_SHARE - TOLERANCE) * SMALLEST_SHARE
