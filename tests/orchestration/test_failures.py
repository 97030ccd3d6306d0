from typing import Any

import pytest
from ray.exceptions import ActorDiedError, ActorUnschedulableError, OutOfMemoryError, RayError, RayTaskError

from recycle.errors import DataError, LeavingError, NonFiniteLossError, ProcessDiedError
from recycle.orchestration.failures import cause_of, reason_of
from recycle.orchestration.retries import Cause


def raised(error: Exception) -> Exception:
    """An error as it comes back from an actor."""
    make: Any = RayTaskError
    back: Exception = make("run", "traceback", error, pid=1, ip="").as_instanceof_cause()
    return back


@pytest.mark.parametrize(
    ("error", "node_is_alive", "cause"),
    [
        (ActorDiedError(), True, "killed"),
        (ActorDiedError(), False, "preempted"),
        (ActorUnschedulableError("the node is gone"), True, "preempted"),
        (OutOfMemoryError.__new__(OutOfMemoryError), True, "killed"),
        (raised(ProcessDiedError("one of its processes died")), True, "killed"),
        (raised(ProcessDiedError("one of its processes died")), False, "preempted"),
        (raised(LeavingError("its machine is about to go")), True, "left"),
        (raised(NonFiniteLossError("the loss became nan")), True, "final"),
        (raised(DataError("a.jpg: cannot be read")), True, "error"),
        (raised(ValueError("code")), True, "error"),
        (raised(ValueError("code")), False, "error"),
    ],
)
def test_causes_are_told_apart(error: RayError, node_is_alive: bool, cause: Cause) -> None:
    assert cause_of(error, node_is_alive=node_is_alive) == cause


def test_a_preempted_node_is_one_though_it_is_not_yet_gone() -> None:
    error = ActorDiedError()
    error._preempted = True
    assert cause_of(error, node_is_alive=True) == "preempted"


@pytest.mark.parametrize(
    ("error", "node_is_alive", "reason"),
    [
        (ActorDiedError(), True, "its process died"),
        (ActorDiedError(), False, "its machine was lost"),
        (raised(ValueError("first\nsecond")), True, "ValueError: first"),
        (raised(DataError("a.jpg: cannot be read")), True, "a.jpg: cannot be read"),
    ],
)
def test_reasons_are_one_line(error: RayError, node_is_alive: bool, reason: str) -> None:
    assert reason_of(error, node_is_alive=node_is_alive) == reason
