"""The one place to which members say where they stand, and where they hear that they have to leave."""

from collections.abc import Iterable
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from recycle.training.progress import Progress

ActorHandle = Any
"""Ray's stubs give actor methods no `remote`."""


class ProgressBoard:
    """The latest progress of every member, wherever it runs."""

    def __init__(self) -> None:
        self._latest: dict[str, Progress] = {}
        self._leaving: frozenset[str] = frozenset()

    def post(self, progress: Progress) -> bool:
        """Replaces the member's progress; tells whether its machine is about to go."""
        self._latest[progress.member] = progress
        return progress.member in self._leaving

    def is_up(self) -> bool:
        """Answers while there is a driver."""
        return True

    def look(self, leaving: Iterable[str]) -> dict[str, Progress]:
        """Takes up which members have to leave, and gives progress by member."""
        self._leaving = frozenset(leaving)
        return self._latest


class BoardLink:
    """A member's side of the board; it never waits for an answer.

    Args:
        board: Handle of the board.
    """

    def __init__(self, board: ActorHandle) -> None:
        self._board = board
        self._answer: ray.ObjectRef[bool] | None = None
        self._is_leaving = False

    def report(self, progress: Progress) -> None:
        """Posts progress."""
        self._read_answer()
        self._answer = self._board.post.remote(progress)

    def is_leaving(self) -> bool:
        """Whether the machine is about to go, by the answer to a post a moment ago."""
        self._read_answer()
        return self._is_leaving

    def _read_answer(self) -> None:
        if self._answer is None or not ray.wait([self._answer], timeout=0)[0]:
            return
        answer, self._answer = self._answer, None
        try:
            self._is_leaving = self._is_leaving or ray.get(answer)
        except ray.exceptions.RayError:  # the board is lost with its node; training goes on
            return


def start_progress_board() -> ActorHandle:
    """Starts the board beside the driver; it occupies nothing, and comes back, empty, where its machine is lost."""
    actor: Any = ray.remote(ProgressBoard)
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
    return actor.options(num_cpus=0, max_restarts=-1, scheduling_strategy=here).remote()
