"""The Ray actors: thin shells around functions that are tested without a cluster."""

import os
from typing import Any

import ray

from recycle.orchestration.cluster import GIB
from recycle.recipe import Resources
from recycle.training.member import MemberOutcome, MemberPlan, TrainingData
from recycle.training.progress import Progress

ActorHandle = Any
"""Ray's stubs give actor methods no `remote`."""


class TrainActor:
    """One member's training, in a process of its own."""

    def run(self, plan: MemberPlan, data: TrainingData, board: ActorHandle) -> MemberOutcome:
        """Trains the member and writes its predictions; progress goes to the board."""
        if not plan.settings.resources.num_gpus:
            os.environ["CUDA_VISIBLE_DEVICES"] = ""  # Ray hides GPUs only from those who ask for some
        # Only this process needs torch and the networks' libraries, which take seconds to import.
        from recycle.training.run_member import run_member  # noqa: PLC0415

        return run_member(plan, data, board.post.remote)


class ProgressBoard:
    """The latest progress of every member, wherever it runs."""

    def __init__(self) -> None:
        self._latest: dict[str, Progress] = {}

    def post(self, progress: Progress) -> None:
        """Replaces the member's progress."""
        self._latest[progress.member] = progress

    def latest(self) -> dict[str, Progress]:
        """Progress by member."""
        return self._latest


def start_train_actor(resources: Resources) -> ActorHandle:
    """Starts an actor that occupies these resources while it lives."""
    actor: Any = ray.remote(TrainActor)
    return actor.options(
        num_cpus=resources.num_cpus, num_gpus=resources.num_gpus, memory=int(resources.memory_gib * GIB) or None
    ).remote()


def start_progress_board() -> ActorHandle:
    """Starts the board, which occupies nothing."""
    actor: Any = ray.remote(ProgressBoard)
    return actor.options(num_cpus=0).remote()
