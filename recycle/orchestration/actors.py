"""The Ray actors: thin shells around functions that are tested without a cluster."""

import os
from typing import Any

import ray

from recycle.data.coco import Dataset
from recycle.orchestration.cluster import GIB
from recycle.recipe import Model, Resources
from recycle.training.member import MemberOutcome, MemberPlan, TrainingData
from recycle.training.probes import Probe
from recycle.training.progress import Progress

ActorHandle = Any
"""Ray's stubs give actor methods no `remote`."""


class TrainActor:
    """One member's training, in a process of its own."""

    def run(self, plan: MemberPlan, data: TrainingData, board: ActorHandle) -> MemberOutcome:
        """Trains the member and writes its predictions; progress goes to the board."""
        if plan.settings.resources.processes > 1:
            from recycle.orchestration.parallel import run_in_processes  # noqa: PLC0415 - imports torch

            return run_in_processes(plan, data, board, plan.settings.resources.processes)
        _hide_gpus_from_those_without(plan.settings.resources)
        # Only this process needs torch and the networks' libraries, which take seconds to import.
        from recycle.training.run_member import run_member  # noqa: PLC0415

        return run_member(plan, data, board.post.remote)


class ProbeActor:
    """A few steps of a model, in a process of its own, which is measured with it."""

    def run(self, settings: Model, train: Dataset | None) -> Probe:
        """Measures the model on these images, or on drawn ones."""
        _hide_gpus_from_those_without(settings.resources)
        from recycle.training.probe import probe_model  # noqa: PLC0415 - imports torch

        return probe_model(settings, train)


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
    """Starts an actor that occupies these resources while it lives, or starts processes that do."""
    if resources.processes > 1:
        actor: Any = ray.remote(TrainActor)
        return actor.options(num_cpus=0).remote()
    return _start(TrainActor, resources)


def start_probe_actor(resources: Resources) -> ActorHandle:
    """Starts an actor that occupies these resources while it lives."""
    return _start(ProbeActor, resources)


def start_progress_board() -> ActorHandle:
    """Starts the board, which occupies nothing."""
    actor: Any = ray.remote(ProgressBoard)
    return actor.options(num_cpus=0).remote()


def _start(kind: type, resources: Resources) -> ActorHandle:
    actor: Any = ray.remote(kind)
    return actor.options(
        num_cpus=resources.num_cpus, num_gpus=resources.num_gpus, memory=int(resources.memory_gib * GIB) or None
    ).remote()


def _hide_gpus_from_those_without(resources: Resources) -> None:
    if not resources.num_gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # Ray hides GPUs only from those who ask for some
