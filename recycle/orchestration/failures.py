"""What went wrong with a member, as Ray tells it."""

import re

from ray.exceptions import (
    ActorUnschedulableError,
    NodeDiedError,
    OutOfMemoryError,
    RayActorError,
    RayTaskError,
    WorkerCrashedError,
)

from recycle.errors import LeavingError, NonFiniteLossError, ProcessDiedError, RecipeError, RecycleError, WeightsError
from recycle.orchestration.retries import Cause

FINAL_ERRORS = (NonFiniteLossError, RecipeError, WeightsError)
"""What would only happen again: the user has to mend it."""

DEATHS = (RayActorError, WorkerCrashedError, OutOfMemoryError, ProcessDiedError)


def cause_of(error: Exception, *, node_is_alive: bool) -> Cause:
    """The kind of a failure.

    Args:
        error: What came back from the actor.
        node_is_alive: Whether the node that it was on is still there.
    """
    if isinstance(error, LeavingError):
        return "left"
    if isinstance(error, NodeDiedError | ActorUnschedulableError):
        return "preempted"
    if isinstance(error, DEATHS):
        is_preempted = isinstance(error, RayActorError) and error.preempted
        return "preempted" if is_preempted or not node_is_alive else "killed"
    return "final" if isinstance(error, FINAL_ERRORS) else "error"


def details_of(error: Exception) -> str:
    """All that came back from an actor, with its traceback; without the colours that Ray gives it."""
    return re.sub(r"\x1b\[\d+m", "", str(error))


def reason_of(error: Exception, *, node_is_alive: bool = True) -> str:
    """The cause of what came back from an actor, in one line."""
    if isinstance(error, DEATHS):
        return "its process died" if node_is_alive else "its machine was lost"
    cause = error.cause if isinstance(error, RayTaskError) else error
    first_line = str(cause).strip().partition("\n")[0]
    return first_line if isinstance(cause, RecycleError) else f"{type(cause).__name__}: {first_line}"
