"""Trains the members of a round in parallel, in order of completion, through failures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError

from recycle.data.json_files import write_json
from recycle.errors import RecycleError
from recycle.orchestration.actors import ActorHandle, start_progress_board, start_train_actor
from recycle.orchestration.cluster import ray_resources
from recycle.orchestration.scheduling import longest_first, next_to_start
from recycle.report.progress import Display, Snapshot
from recycle.training.member import MemberOutcome, MemberPlan, TrainingData
from recycle.training.progress import Progress

SECONDS_BETWEEN_LOOKS = 0.5

Finished = Callable[[MemberPlan, MemberOutcome, int], None]


@dataclass
class _Attempt:
    """A member that runs now."""

    plan: MemberPlan
    actor: ActorHandle
    number: int


class MemberTraining:
    """One round's members on their way through the cluster.

    Args:
        plans: Members to train.
        data: What they share.
        available: The cluster's resources.
        retries: How often a member that failed is continued from its last checkpoint.
        on_finished: Called with each finished member, its outcome and its number of attempts.
        display: Shows progress.
        progress_file: Replaced at every look with the progress of the running members.
    """

    def __init__(
        self,
        plans: Sequence[MemberPlan],
        data: TrainingData,
        *,
        available: Mapping[str, float],
        retries: int,
        on_finished: Finished,
        display: Display,
        progress_file: Path,
    ) -> None:
        self._waiting = longest_first(plans)
        self._running: dict[ray.ObjectRef[MemberOutcome], _Attempt] = {}
        self._failures: dict[str, list[str]] = {}
        self._finished: list[str] = []
        self._free = dict(available)
        self._retries = retries
        self._on_finished = on_finished
        self._display = display
        self._progress_file = progress_file
        self._data = ray.put(data)
        self._board = start_progress_board()

    def run(self) -> dict[str, str]:
        """Trains until every member is finished or given up.

        Returns:
            The reason for each member that was given up, by its name.
        """
        try:
            while self._waiting or self._running:
                self._start_what_fits()
                done, _ = ray.wait(list(self._running), num_returns=1, timeout=SECONDS_BETWEEN_LOOKS)
                for reference in done:
                    self._settle(reference)
                self._show()
        finally:
            for attempt in self._running.values():
                ray.kill(attempt.actor)
            ray.kill(self._board)
        return {name: reasons[-1] for name, reasons in self._failures.items() if name not in self._finished}

    def _start_what_fits(self) -> None:
        while plan := next_to_start(self._waiting, self._free):
            self._waiting.remove(plan)
            for name, amount in ray_resources(plan.settings.resources).items():
                self._free[name] -= amount
            attempt = _Attempt(
                plan, start_train_actor(plan.settings.resources), 1 + len(self._failures.get(plan.name, ()))
            )
            self._running[attempt.actor.run.remote(plan, self._data, self._board)] = attempt
            self._display.log(f"{plan.name}: started" + (f" (attempt {attempt.number})" if attempt.number > 1 else ""))

    def _settle(self, reference: "ray.ObjectRef[MemberOutcome]") -> None:
        attempt = self._running.pop(reference)
        try:
            outcome = ray.get(reference)
        except (RecycleError, RayError) as error:
            self._fail(attempt, error)
        else:
            self._finished.append(attempt.plan.name)
            self._on_finished(attempt.plan, outcome, attempt.number)
            self._display.log(f"{attempt.plan.name}: finished after {outcome.seconds:.0f} s on {outcome.host}")
        finally:
            ray.kill(attempt.actor)
            for name, amount in ray_resources(attempt.plan.settings.resources).items():
                self._free[name] += amount

    def _fail(self, attempt: _Attempt, error: Exception) -> None:
        plan = attempt.plan
        reasons = self._failures.setdefault(plan.name, [])
        reasons.append(_reason(error))
        # What the user has to mend, as a loss that became NaN, would only happen again.
        if isinstance(error, RecycleError) or len(reasons) > self._retries:
            self._display.log(f"{plan.name}: given up: {reasons[-1]}")
            return
        self._display.log(f"{plan.name}: {reasons[-1]}; continues from its last checkpoint")
        self._waiting.insert(0, plan)

    def _show(self) -> None:
        latest: dict[str, Progress] = ray.get(self._board.latest.remote())
        running = {a.plan.name: latest.get(a.plan.name) for a in self._running.values()}
        snapshot = Snapshot(
            running=running,
            waiting=[plan.name for plan in self._waiting],
            finished=list(self._finished),
            failed=[n for n in self._failures if n not in self._finished and n not in running],
        )
        self._display.show(snapshot)
        write_json(asdict(snapshot), self._progress_file)


def _reason(error: Exception) -> str:
    """The cause in one line."""
    if isinstance(error, RayActorError):
        return "its process died"
    cause = error.cause if isinstance(error, RayTaskError) else error
    return str(cause) if isinstance(cause, RecycleError) else f"{type(cause).__name__}: {cause}"
