"""Which member starts next, and where: a policy without Ray, which plans and simulations use too.

Members start longest first ("LPT"), so that none is left to run alone at the end, and sooner where the few nodes that
can run them have more work waiting than the others. Of the nodes with room a member gets the one that others need
least. The first member that finds no room keeps a place: those behind it start before it only where that does not
delay it (EASY backfilling: Lifka, "The ANL/IBM SP scheduling system", 1995).
"""

import heapq
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from recycle.orchestration.nodes import Claim, Needs, Node, Room


@dataclass(frozen=True)
class Job:
    """A member that waits.

    Attributes:
        name: The member's name.
        needs: What it asks for.
        seconds: How long it is expected to run.
        avoid: Nodes where it failed; it goes there again only if no other node could ever run it.
        rank: Those of a lower rank start first, however long they take.
    """

    name: str
    needs: Needs
    seconds: float
    avoid: frozenset[str] = frozenset()
    rank: int = 0


@dataclass(frozen=True)
class Occupation:
    """A member that runs.

    Attributes:
        claim: What it has.
        seconds_left: How long it is expected to have that.
    """

    claim: Claim
    seconds_left: float


@dataclass(frozen=True)
class Placement:
    """A member that starts.

    Attributes:
        job: The member.
        claim: What it gets.
    """

    job: Job
    claim: Claim


_Shape = tuple[Needs, frozenset[str]]
"""What decides where a member may run."""


def place(waiting: Iterable[Job], nodes: Sequence[Node], running: Iterable[Occupation]) -> list[Placement]:
    """Chooses the members that start now, most urgent first, and the node of each.

    Args:
        waiting: Members that wait, in any order; equals start in this order.
        nodes: Nodes that may be used.
        running: Members that run; those on other nodes do not matter.
    """
    jobs = list(waiting)
    where = {shape: eligible(job, nodes) for shape, job in {_shape(job): job for job in jobs}.items()}
    look = _Look(nodes, running, where)
    return [placement for job in _most_urgent_first(jobs, nodes, where) if (placement := look.start(job))]


def eligible(job: Job, nodes: Sequence[Node]) -> frozenset[str]:
    """Ids of the nodes that could run a member when empty."""
    able = frozenset(node.id for node in nodes if job.needs.on(node) is not None)
    return able - job.avoid or able


def seconds_until_done(
    jobs: Sequence[Job], nodes: Sequence[Node], takes: Callable[[Job], float] = lambda job: job.seconds
) -> float:
    """Plays through how members share nodes, from the first start to the last end.

    Args:
        jobs: Members; each could run on some node.
        nodes: The nodes.
        takes: How long a member really runs, if not as long as expected.
    """
    waiting, ends, now = {job.name: job for job in jobs}, list[tuple[float, str, Placement]](), 0.0
    while waiting or ends:
        expected = [Occupation(one.claim, one.job.seconds - takes(one.job) + end - now) for end, _, one in ends]
        for placement in place(waiting.values(), nodes, expected):
            name = placement.job.name
            heapq.heappush(ends, (now + takes(waiting.pop(name)), name, placement))
        assert ends, f"no node could ever run {next(iter(waiting))}"
        now = ends[0][0]
        while ends and ends[0][0] <= now:
            heapq.heappop(ends)
    return now


@dataclass(frozen=True)
class _Reservation:
    """A place kept for a member: where, and when it is expected to be free."""

    job: Job
    node: str
    seconds: float


class _Look:
    """One look at a cluster: what is free, and what is taken of that, member by member."""

    def __init__(
        self, nodes: Sequence[Node], running: Iterable[Occupation], where: Mapping[_Shape, frozenset[str]]
    ) -> None:
        self._where = where
        self._rooms = {node.id: Room(node) for node in nodes}
        self._occupied: dict[str, list[Occupation]] = {node.id: [] for node in nodes}
        self._kept: _Reservation | None = None
        self._without_room: set[_Shape] = set()
        self._held_back: set[tuple[_Shape, bool]] = set()
        for occupation in running:
            if occupation.claim.node in self._rooms:
                self._take(occupation)

    def start(self, job: Job) -> Placement | None:
        """Takes the best place for a member, if there is one now."""
        shape = _shape(job)
        group = (shape, self._kept is not None and job.seconds <= self._kept.seconds)
        if shape in self._without_room or group in self._held_back:
            return None
        claims = self._claims(job)
        if not claims:
            self._without_room.add(shape)
            self._kept = self._kept or self._reserve(job)
            return None
        harmless = [claim for claim in claims if not self._delays(job, claim)]
        if not harmless:
            self._held_back.add(group)
            return None
        claim = min(harmless, key=self._worth)
        self._take(Occupation(claim, job.seconds))
        return Placement(job, claim)

    def _take(self, occupation: Occupation) -> None:
        self._rooms[occupation.claim.node].take(occupation.claim)
        self._occupied[occupation.claim.node].append(occupation)

    def _claims(self, job: Job) -> list[Claim]:
        nodes = self._where[_shape(job)]
        return [claim for node, room in self._rooms.items() if node in nodes and (claim := room.claim(job.needs))]

    def _worth(self, claim: Claim) -> tuple[float, ...]:
        """What others would miss if this place were taken."""
        room = self._rooms[claim.node]
        unused_gpus = 0 if claim.gpus else room.node.gpus
        return unused_gpus, room.node.gpu_memory_gib, room.free("GPU"), room.free("CPU")

    def _reserve(self, job: Job) -> _Reservation | None:
        """The place where a member will find room first."""
        options = [
            _Reservation(job, node, _seconds_until_room(job, self._rooms[node], self._occupied[node]))
            for node in self._rooms
            if node in self._where[_shape(job)]
        ]
        return min(options, key=lambda option: option.seconds, default=None)

    def _delays(self, job: Job, claim: Claim) -> bool:
        """Whether a start here would make the member wait longer for which a place is kept."""
        kept = self._kept
        if kept is None or claim.node != kept.node or job.seconds <= kept.seconds:
            return False
        room = self._rooms[claim.node].copy()
        room.take(claim)
        occupied = [*self._occupied[claim.node], Occupation(claim, job.seconds)]
        return _seconds_until_room(kept.job, room, occupied) > kept.seconds


def _seconds_until_room(job: Job, room: Room, occupied: Sequence[Occupation]) -> float:
    later = room.copy()
    for occupation in sorted(occupied, key=lambda one: one.seconds_left):
        later.give_back(occupation.claim)
        if later.claim(job.needs):
            return max(occupation.seconds_left, 0.0)
    return math.inf


def _most_urgent_first(jobs: Sequence[Job], nodes: Sequence[Node], where: Mapping[_Shape, frozenset[str]]) -> list[Job]:
    """Sorts by what the end cannot come before: a member's own time, or the work that waits for the nodes it needs."""
    work: dict[tuple[frozenset[str], str], float] = {}
    for job in jobs:
        key = (where[_shape(job)], _scarce(job.needs))
        work[key] = work.get(key, 0.0) + job.seconds * (job.needs.gpus or job.needs.cpus)
    pressure = {key: _pressure(*key, work, nodes) for key in work}

    def urgency(job: Job) -> tuple[float, float, float]:
        return -job.rank, max(job.seconds, pressure[where[_shape(job)], _scarce(job.needs)]), job.seconds

    return sorted(jobs, key=urgency, reverse=True)


def _pressure(
    ids: frozenset[str],
    resource: str,
    work: Mapping[tuple[frozenset[str], str], float],
    nodes: Sequence[Node],
) -> float:
    """For how many seconds these nodes are busy with what no other could do."""
    capacity = sum(node.resources.get(resource, 0) for node in nodes if node.id in ids)
    bound = sum(amount for (others, name), amount in work.items() if name == resource and others <= ids)
    return bound / capacity if capacity else 0.0


def _scarce(needs: Needs) -> str:
    return "GPU" if needs.gpus else "CPU"


def _shape(job: Job) -> _Shape:
    return job.needs, job.avoid
