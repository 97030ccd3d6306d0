"""How close the scheduling of members comes to the shortest possible time, and what it costs the driver.

Run it as `python benchmarks/scheduling.py`. The members are those of the recipe `reference`, five of each: 130 with the
proportions of a real run. On few GPUs Ray actors really occupy them, and sleep for as long as the member would train,
scaled in time; on more the same policy is played through. Expectations are wrong by up to a third for all members of a
model, as those of probes are, and members of a model differ by a twentieth; what runs corrects what is expected.

Beside it stand two ways to hand out members one by one: in the recipe's order, and longest first by somebody who knows
how long each will really take.
"""

import argparse
import heapq
import math
import random
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
from rich.console import Console
from rich.table import Table

from recycle.environment import keep_private
from recycle.orchestration.durations import Durations
from recycle.orchestration.expectation import expect
from recycle.orchestration.member_names import folds_of, member_name
from recycle.orchestration.nodes import Claim, Needs, Node
from recycle.orchestration.open_nodes import OpenNodes
from recycle.orchestration.plan_report import IMAGES_OF_REFERENCE
from recycle.orchestration.scheduling import Job, Occupation, Placement, place
from recycle.paths import probes_folder
from recycle.recipe_yaml import load_recipe
from recycle.training.progress import Progress

REPEATS = 5
GPUS_A_NODE = 8
WRONG = 1 / 3
DIFFERENT = 1 / 20
STEPS = 1000
"""Of each member, by which it tells how far it is."""
SECONDS_OF_A_MEMBER = 40.0
"""What members sleep on average: the second that a process takes to start must weigh little, as it does for hours."""
COLUMNS = (
    "how",
    "GPUs",
    "members",
    "members a GPU",
    "time over the bound",
    "in the recipe's order",
    "longest first, knowing all",
    "driver's time a member",
)


class Sleeper:
    """Occupies what a member would."""

    def run(self, seconds: float) -> None:
        time.sleep(seconds)


def reference_jobs(repeats: int) -> list[Job]:
    """Members of the recipe `reference` with the seconds that they are expected to take on a V100."""
    jobs = []
    for model in load_recipe("reference").models:
        for fold in folds_of(model, load_recipe("reference")):
            images = IMAGES_OF_REFERENCE if fold == "all" else IMAGES_OF_REFERENCE * 4 // 5
            seconds = expect(model, images, probes_folder()).seconds
            needs = Needs.of(model.resources)
            jobs += [Job(f"{member_name(model, fold)}-{number}", needs, seconds) for number in range(repeats)]
    return jobs


def nodes_with(gpus: int) -> list[Node]:
    """Machines of eight GPUs, or one of fewer."""
    each = min(gpus, GPUS_A_NODE)
    return [Node(f"node{number}", {"CPU": 64.0, "GPU": float(each)}) for number in range(gpus // each)]


def shortest(jobs: Sequence[Job], gpus: int, truth: Mapping[str, float]) -> float:
    """No schedule ends before all work is shared equally, nor before the longest member."""
    work = sum(truth[job.name] * job.needs.gpus for job in jobs)
    return max(work / gpus, *truth.values())


def real_seconds(jobs: Sequence[Job], seed: int) -> dict[str, float]:
    """How long members really take."""
    draws = random.Random(seed)  # noqa: S311 - no secret
    factor = {model: draws.uniform(1 - WRONG, 1 + WRONG) for model in dict.fromkeys(map(model_of, jobs))}
    return {job.name: job.seconds * factor[model_of(job)] * draws.uniform(1 - DIFFERENT, 1 + DIFFERENT) for job in jobs}


def model_of(job: Job) -> str:
    return re.split("-fold|-all", job.name)[0]


class Schedule:
    """Members on their way through nodes: the clock is the caller's.

    Args:
        jobs: All members.
        truth: How long each really takes.
    """

    def __init__(self, jobs: Sequence[Job], truth: Mapping[str, float]) -> None:
        self.waiting = {job.name: job for job in jobs}
        self.running: dict[str, tuple[Claim, float]] = {}
        self._truth = truth
        self._durations = Durations({job.name: model_of(job) for job in jobs}, {job.name: job.seconds for job in jobs})

    def start(self, nodes: Sequence[Node], now: float) -> list[Placement]:
        """Places what fits, as a run does it."""
        for name, (_, began) in self.running.items():
            self._hear(name, now - began)
        jobs = [replace(job, seconds=self._durations.seconds_left(name)) for name, job in self.waiting.items()]
        occupied = [Occupation(claim, self._durations.seconds_left(name)) for name, (claim, _) in self.running.items()]
        placements = place(jobs, nodes, occupied)
        for one in placements:
            del self.waiting[one.job.name]
            self.running[one.job.name] = (one.claim, now)
        return placements

    def _hear(self, name: str, ran: float) -> None:
        part = min(ran / self._truth[name], 1.0)
        left = self._truth[name] * (1 - part)
        self._durations.observe(Progress(name, 1, 1, int(part * STEPS), STEPS, 0.0, -1.0, left, ""))


def simulate(table: Table, gpus: int, repeats: int) -> None:
    jobs = reference_jobs(repeats)
    truth = real_seconds(jobs, seed=gpus)
    began = time.process_time()
    took = play(Schedule(jobs, truth), nodes_with(gpus), truth)
    spent = time.process_time() - began
    add_row(table, "played through", gpus, jobs, truth, took, spent)


def play(schedule: Schedule, nodes: Sequence[Node], truth: Mapping[str, float]) -> float:
    """Seconds from the first start to the last end, from one end to the next."""
    ends: list[tuple[float, str]] = []
    now = 0.0
    while schedule.waiting or ends:
        for one in schedule.start(nodes, now):
            heapq.heappush(ends, (now + truth[one.job.name], one.job.name))
        now, ended = heapq.heappop(ends)
        del schedule.running[ended]
    return now


def hand_out(seconds: Iterable[float], gpus: int) -> float:
    """Seconds until the last end if members go one by one to the GPU that is free first."""
    ends = [0.0] * gpus
    for taken in seconds:
        heapq.heapreplace(ends, ends[0] + taken)
    return max(ends)


def add_row(
    table: Table, how: str, gpus: int, jobs: Sequence[Job], truth: Mapping[str, float], took: float, spent: float
) -> None:
    listed = [truth[job.name] for job in jobs]
    times = (took, hand_out(listed, gpus), hand_out(sorted(listed, reverse=True), gpus))
    ratios = [f"{time / shortest(jobs, gpus, truth):.3f}" for time in times]
    table.add_row(
        how, str(gpus), str(len(jobs)), f"{len(jobs) / gpus:.1f}", *ratios, f"{1000 * spent / len(jobs):.2f} ms"
    )


def sleep_on_ray(table: Table, gpus: int) -> None:
    """Nodes are looked at and members placed as a run does it, on as many GPUs as Ray is told there are."""
    jobs = reference_jobs(REPEATS)
    truth = real_seconds(jobs, seed=gpus)
    scale = SECONDS_OF_A_MEMBER * len(jobs) / sum(truth.values())
    cpus = int(gpus * max(job.needs.cpus for job in jobs))
    ray.init(num_cpus=cpus, num_gpus=gpus, include_dashboard=False, log_to_driver=False)
    try:
        began, began_working = time.monotonic(), time.process_time()
        sleep_all(Schedule(jobs, truth), truth, scale)
        took, spent = time.monotonic() - began, time.process_time() - began_working
    finally:
        ray.shutdown()
    add_row(table, "actors that sleep", gpus, jobs, truth, took / scale, spent)


def sleep_all(schedule: Schedule, truth: Mapping[str, float], scale: float) -> None:
    nodes = OpenNodes()
    actors: dict[ray.ObjectRef[None], tuple[str, Any]] = {}
    while schedule.waiting or actors:
        nodes.look()
        for one in schedule.start(nodes.open, time.monotonic() / scale):
            actor = start_sleeper(one.claim)
            actors[actor.run.remote(truth[one.job.name] * scale)] = (one.job.name, actor)
        for reference in ray.wait(list(actors), num_returns=1, timeout=0.5)[0]:
            name, actor = actors.pop(reference)
            del schedule.running[name]
            ray.kill(actor)


def start_sleeper(claim: Claim) -> Any:  # noqa: ANN401 - Ray's stubs give actor methods no `remote`
    actor: Any = ray.remote(Sleeper)
    return actor.options(
        num_cpus=claim.resources["CPU"],
        num_gpus=claim.resources["GPU"],
        scheduling_strategy=NodeAffinitySchedulingStrategy(claim.node, soft=False),
    ).remote()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--actors", type=int, nargs="*", default=[4, 8], help="GPUs on which actors really sleep")
    arguments = parser.parse_args()
    keep_private()
    table = Table(box=None)
    for column in COLUMNS:
        table.add_column(column, justify="left" if column == "how" else "right")
    for gpus in (4, 8, 64, 512):
        simulate(table, gpus, REPEATS)
    for gpus in (64, 512):
        simulate(table, gpus, math.ceil(4 * gpus / 26))
    for gpus in arguments.actors:
        sleep_on_ray(table, gpus)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
