"""The Ray actors that train and measure: thin shells around functions that are tested without a cluster."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from recycle.data.coco import Dataset
from recycle.orchestration.nodes import GIB, Claim
from recycle.orchestration.progress_board import ActorHandle, BoardLink
from recycle.recipe import Model, Resources
from recycle.training.member import MemberOutcome, MemberPlan, TrainingData
from recycle.training.probes import Probe


class TrainActor:
    """One member's training, in a process of its own."""

    def run(self, plan: MemberPlan, data: TrainingData, board: ActorHandle, claim: Claim) -> MemberOutcome:
        """Trains the member and writes its predictions; progress goes to the board."""
        if plan.settings.resources.processes > 1:
            from recycle.orchestration.parallel import run_in_processes  # noqa: PLC0415 - imports torch

            return run_in_processes(plan, data, board, claim, plan.settings.resources.processes)
        _hide_gpus_from_those_without(plan.settings.resources)
        link = BoardLink(board)
        with _terminated() as terminated:
            # Only this process needs torch and the networks' libraries, which take seconds to import.
            from recycle.training.stored_member import run_member_anywhere  # noqa: PLC0415

            return run_member_anywhere(
                plan, data, link.report, is_leaving=lambda: terminated.is_set() or link.is_leaving()
            )


class ProbeActor:
    """A few steps of a model, in a process of its own, which is measured with it."""

    def run(self, settings: Model, train: Dataset | None) -> Probe:
        """Measures the model on these images, or on drawn ones."""
        _hide_gpus_from_those_without(settings.resources)
        from recycle.training.probe import probe_model  # noqa: PLC0415 - imports torch

        return probe_model(settings, train)


def start_train_actor(resources: Resources, claim: Claim) -> ActorHandle:
    """Starts an actor that occupies its claim while it lives, or starts processes that do.

    Args:
        resources: The model's.
        claim: The node, and what is taken of it.
    """
    taken = {} if resources.processes > 1 else claim.resources
    actor: Any = ray.remote(TrainActor)
    return actor.options(
        num_cpus=taken.get("CPU", 0),
        num_gpus=taken.get("GPU", 0),
        memory=int(taken.get("memory", 0)) or None,
        scheduling_strategy=NodeAffinitySchedulingStrategy(claim.node, soft=False),
    ).remote()


def start_probe_actor(resources: Resources) -> ActorHandle:
    """Starts an actor that occupies these resources while it lives."""
    actor: Any = ray.remote(ProbeActor)
    return actor.options(
        num_cpus=resources.num_cpus, num_gpus=resources.num_gpus, memory=int(resources.memory_gib * GIB) or None
    ).remote()


@contextmanager
def _terminated() -> Iterator[Event]:
    """An event that is set when the process is told to end (SIGTERM), which Ray would do at once."""
    event = Event()
    before = signal.signal(signal.SIGTERM, lambda number, frame: event.set())
    try:
        yield event
    finally:
        signal.signal(signal.SIGTERM, before)


def _hide_gpus_from_those_without(resources: Resources) -> None:
    if not resources.num_gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # Ray hides GPUs only from those who ask for some
