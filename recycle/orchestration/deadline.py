"""Until when a run may last, and what of it is left out so that the end is kept."""

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from recycle.orchestration.nodes import Needs, Node
from recycle.orchestration.scheduling import Job, seconds_until_done
from recycle.report.plan import PlannedMember
from recycle.training.member import MemberPlan

Clock = Callable[[], float]

LEAST_PART = 0.02
"""Of a training; less of it is no measure of its speed, as its first steps are slow and progress comes in jumps."""


@dataclass(frozen=True)
class DeadlinePlan:
    """What there is time for.

    Attributes:
        members: Those that are trained, in the order in which they start.
        left_out: The others.
    """

    members: Sequence[PlannedMember]
    left_out: Sequence[PlannedMember]


def plan_until(members: Sequence[PlannedMember], nodes: Sequence[Node], seconds: float) -> DeadlinePlan:
    """Chooses what can finish, most expected gain per hour of a GPU first (of a core, where none is asked for).

    What a member will bring is not known before it is trained. A model's first member makes the ensemble see something
    new; each further one adds less, as the mean over n members does: the n-th counts 1/n.

    Args:
        members: All that should be trained; each could run on some node.
        nodes: The nodes that they share.
        seconds: Time there is.
    """
    waiting, chosen, left_out = list(members), list[PlannedMember](), list[PlannedMember]()
    counts: Counter[str] = Counter()
    while waiting:
        best = max(waiting, key=lambda member: 1 / (counts[member.settings.name] + 1) / _cost(member))
        waiting.remove(best)
        if order := _order_that_fits([*chosen, best], nodes, seconds):
            chosen = order
            counts[best.settings.name] += 1
        else:
            left_out.append(best)
    return DeadlinePlan(chosen, left_out)


def _order_that_fits(
    members: Sequence[PlannedMember], nodes: Sequence[Node], seconds: float
) -> list[PlannedMember] | None:
    """The order as it is, so that a wrong estimate costs what matters least; else the longest first, if that fits."""
    longest_first = sorted(members, key=lambda member: member.seconds, reverse=True)
    for order in (list(members), longest_first):
        if seconds_in_order(order, nodes) <= seconds:
            return order
    return None


def seconds_in_order(members: Sequence[PlannedMember], nodes: Sequence[Node]) -> float:
    """Plays through how members share nodes if they start in this order.

    Args:
        members: What is to be done; each could run on some node.
        nodes: The nodes.
    """
    jobs = [
        Job(member.name, Needs.of(member.settings.resources), member.seconds, rank=place)
        for place, member in enumerate(members)
    ]
    return seconds_until_done(jobs, nodes)


class Deadline:
    """Keeps an end while members train: knows how long they take, as planned at first, then as measured.

    Args:
        ends_at: When training must be over, on the clock.
        members: What is to be trained, in the order in which it starts, with the time expected for each.
        clock: Gives seconds.
    """

    def __init__(self, ends_at: float, members: Sequence[PlannedMember], clock: Clock = time.monotonic) -> None:
        self._ends_at, self._clock = ends_at, clock
        self._expected = {member.name: member.seconds for member in members}
        self._ranks = {member.name: place for place, member in enumerate(members)}
        self._heard_first: dict[str, tuple[float, float]] = {}
        self._slowness: dict[str, float] = {}

    def rank(self, plan: MemberPlan) -> int:
        """The place of a member in the order in which they start."""
        return self._ranks[plan.name]

    def start(self, plan: MemberPlan) -> None:
        """Has an attempt of a member measured by itself: what earlier ones did, this one did not take time for."""
        self._heard_first.pop(plan.name, None)

    def measure(self, plan: MemberPlan, done: float) -> None:
        """Takes from a member how long all of it takes, by what was done since its attempt was first heard of.

        Args:
            plan: The member.
            done: Which part of it is done, by earlier attempts or by this one.
        """
        now = self._clock()
        since, done_before = self._heard_first.setdefault(plan.name, (now, done))
        if done < done_before:  # what was heard first came from the attempt before
            self._heard_first[plan.name] = now, done
        elif done - done_before >= LEAST_PART:
            self._slowness[plan.name] = (now - since) / (done - done_before) / self._expected[plan.name]

    def admits(self, plan: MemberPlan) -> bool:
        """Whether a member that starts now will have finished."""
        slowness = fmean(self._slowness.values()) if self._slowness else 1.0
        return self._clock() + self._expected[plan.name] * slowness <= self._ends_at

    def is_over(self) -> bool:
        """Whether the time is over."""
        return self._clock() >= self._ends_at


def _cost(member: PlannedMember) -> float:
    resources = member.settings.resources
    return max(member.seconds, math.ulp(1.0)) * (resources.num_gpus or resources.num_cpus)
