"""Whether a member that failed is tried again, and where: by cause, and by what happened to it before."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Cause = Literal["left", "preempted", "killed", "error", "final"]
"""What ended an attempt.

It left with a checkpoint, as its machine was about to go; its machine went; its process died without a word; its own
code raised; trying again would only repeat it.
"""

MOST_LOSSES_IN_PLACE = 5
"""How often machines may vanish under a member that gets no further: after that it is what makes them vanish."""


@dataclass(frozen=True)
class Failure:
    """One attempt that did not finish.

    Attributes:
        cause: What kind of failure it was.
        reason: In one line.
        node: Ray's id of the node.
        host: Its name; empty if the member had not yet told.
        epoch: The epoch that was running; 0 before the first.
    """

    cause: Cause
    reason: str
    node: str
    host: str = ""
    epoch: int = 0


def why_given_up(failures: Sequence[Failure], retries: int) -> str | None:
    """Why a member is not tried again; None if it is.

    Machines that go are not its fault; those that vanish may be, if it gets no further on any. A process that died
    counts only if it got no further than the one before; an error always counts, and the same one on two nodes is
    enough.

    Args:
        failures: All of this run, the latest last; at least one.
        retries: How many that count are forgiven.
    """
    last = failures[-1]
    if last.cause == "final":
        return last.reason
    if last.cause == "left":
        return None
    if last.cause == "preempted":
        losses = [failure for failure in failures if failure.cause == "preempted" and failure.epoch >= last.epoch]
        if len(losses) <= MOST_LOSSES_IN_PLACE:
            return None
        return f"{last.reason}, for the {len(losses)}th time in epoch {last.epoch}"
    if other := _same_elsewhere(failures):
        return f"{last.reason} (the same on {other.host or other.node} and {last.host or last.node})"
    return last.reason if _counted(failures) > retries else None


def nodes_to_avoid(failures: Sequence[Failure]) -> frozenset[str]:
    """Nodes on which the member failed by itself: it may be the node."""
    return frozenset(failure.node for failure in failures if failure.cause in ("killed", "error"))


def _same_elsewhere(failures: Sequence[Failure]) -> Failure | None:
    """An earlier error like the last one, on another node."""
    last = failures[-1]
    if last.cause != "error":
        return None
    alike = (
        failure
        for failure in failures[:-1]
        if failure.cause == "error" and failure.node != last.node and _way(failure) == _way(last)
    )
    return next(alike, None)


def _way(failure: Failure) -> str:
    """A failure's reason without its numbers, as steps and addresses differ from time to time."""
    return re.sub(r"\d+", "", failure.reason)


def _counted(failures: Sequence[Failure]) -> int:
    count, furthest = 0, -1
    for position, failure in enumerate(failures):
        got_further = position > 0 and failure.epoch > furthest
        if failure.cause == "error" or (failure.cause == "killed" and not got_further):
            count += 1
        furthest = max(furthest, failure.epoch)
    return count
