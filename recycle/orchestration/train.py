"""Trains the members of a round in parallel, in order of completion, through failures."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError

from recycle.data.json_files import write_json
from recycle.errors import NonFiniteLossError, RecipeError, RecycleError, WeightsError
from recycle.files import write_text
from recycle.orchestration.actors import ActorHandle, start_progress_board, start_train_actor
from recycle.orchestration.attempt_log import AttemptLog
from recycle.orchestration.cluster import cluster_resources, ray_resources
from recycle.orchestration.deadline import Deadline
from recycle.orchestration.scheduling import longest_first, next_to_start
from recycle.report.progress import Display, Snapshot
from recycle.training.member import MemberOutcome, MemberPlan, TrainingData
from recycle.training.progress import Progress

SECONDS_BETWEEN_LOOKS = 0.5
ERROR_FILE = "error.txt"
TOO_LATE = "it could not have finished before the deadline"
NOT_IN_TIME = "it was not finished at the deadline"

FINAL_ERRORS = (NonFiniteLossError, RecipeError, WeightsError)
"""What would only happen again: the user has to mend it."""

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
        retries: How often a member that failed is continued from its last checkpoint.
        on_finished: Called with each finished member, its outcome and its number of attempts.
        display: Shows progress.
        progress_file: Replaced at every look with the progress of the running members.
        attempt_log: Told of every start and end.
        deadline: What cannot finish until then is left out; without one there is no hurry.
    """

    def __init__(
        self,
        plans: Sequence[MemberPlan],
        data: TrainingData,
        *,
        retries: int,
        on_finished: Finished,
        display: Display,
        progress_file: Path,
        attempt_log: AttemptLog,
        deadline: Deadline | None = None,
    ) -> None:
        self._waiting = deadline.in_order(plans) if deadline else longest_first(plans)
        self._deadline = deadline
        self._running: dict[ray.ObjectRef[MemberOutcome], _Attempt] = {}
        self._attempts: Counter[str] = Counter()
        self._finished: list[str] = []
        self._given_up: dict[str, str] = {}
        self._retries = retries
        self._on_finished = on_finished
        self._display = display
        self._progress_file = progress_file
        self._attempt_log = attempt_log
        self._latest: dict[str, Progress] = {}
        self._data = ray.put(data)
        self._board = start_progress_board()

    def run(self) -> dict[str, str]:
        """Trains until every member is finished or given up.

        Returns:
            The reason for each member that was given up, by its name.
        """
        try:
            while self._waiting or self._running:
                self._keep_deadline()
                self._start_what_fits()
                running = list(self._running)
                done, _ = ray.wait(running, timeout=SECONDS_BETWEEN_LOOKS) if running else ([], [])
                for reference in done:
                    self._settle(reference)
                self._show()
        finally:
            for attempt in self._running.values():
                ray.kill(attempt.actor)
            ray.kill(self._board)
        return self._given_up

    def _keep_deadline(self) -> None:
        """Leaves out what cannot finish any more, and ends what should have."""
        if self._deadline is None:
            return
        for attempt in self._running.values():
            if progress := self._latest.get(attempt.plan.name):
                self._deadline.measure(attempt.plan, progress.step / progress.steps)
        for plan in [plan for plan in self._waiting if not self._deadline.admits(plan)]:
            self._waiting.remove(plan)
            self._leave_out(plan, TOO_LATE)
        if self._deadline.is_over():
            for attempt in self._running.values():
                ray.kill(attempt.actor)
                self._attempt_log.ended(attempt.plan.name, attempt.number, "failed", "", NOT_IN_TIME)
                self._leave_out(attempt.plan, NOT_IN_TIME)
            self._running.clear()

    def _leave_out(self, plan: MemberPlan, reason: str) -> None:
        self._given_up[plan.name] = reason
        self._display.log(f"{plan.name}: left out: {reason}")

    def _start_what_fits(self) -> None:
        while plan := next_to_start(self._waiting, self._free_resources()):
            self._waiting.remove(plan)
            self._attempts[plan.name] += 1
            number = self._attempts[plan.name]
            attempt = _Attempt(plan, start_train_actor(plan.settings.resources), number)
            self._running[attempt.actor.run.remote(plan, self._data, self._board)] = attempt
            if self._deadline:
                self._deadline.start(plan)
            self._attempt_log.started(plan.name, number, ray_resources(plan.settings.resources), cluster_resources())
            self._display.log(f"{plan.name}: started" + (f" (attempt {number})" if number > 1 else ""))

    def _free_resources(self) -> dict[str, float]:
        """What our own members leave of the cluster as it is now, as nodes come and go."""
        free = cluster_resources()
        for attempt in self._running.values():
            for name, amount in ray_resources(attempt.plan.settings.resources).items():
                free[name] = free.get(name, 0.0) - amount
        return free

    def _settle(self, reference: "ray.ObjectRef[MemberOutcome]") -> None:
        attempt = self._running.pop(reference)
        try:
            outcome = ray.get(reference)
        except (RecycleError, RayError) as error:
            self._fail(attempt, error)
        else:
            self._finished.append(attempt.plan.name)
            self._attempt_log.ended(attempt.plan.name, attempt.number, "finished", outcome.host)
            self._on_finished(attempt.plan, outcome, attempt.number)
            for warning in outcome.warnings:
                self._display.log(f"{attempt.plan.name}: {warning}")
            self._display.log(f"{attempt.plan.name}: finished after {outcome.seconds:.0f} s on {outcome.host}")
        finally:
            ray.kill(attempt.actor)

    def _fail(self, attempt: _Attempt, error: Exception) -> None:
        plan = attempt.plan
        details = plan.work_dir / ERROR_FILE
        write_text(str(error), details)
        reason = reason_of(error)
        seen = self._latest.get(plan.name)
        self._attempt_log.ended(plan.name, attempt.number, "failed", seen.host if seen else "", reason)
        if isinstance(error, FINAL_ERRORS) or attempt.number > self._retries:
            self._given_up[plan.name] = reason
            self._display.log(f"{plan.name}: given up: {reason} (details: {details})")
            return
        self._display.log(f"{plan.name}: {reason}; continues from its last checkpoint (details: {details})")
        self._waiting.insert(0, plan)

    def _show(self) -> None:
        try:
            self._latest = ray.get(self._board.latest.remote())
        except RayError:  # its node is lost: members that start from now on report to another
            self._board = start_progress_board()
            return
        snapshot = Snapshot(
            running={attempt.plan.name: self._latest.get(attempt.plan.name) for attempt in self._running.values()},
            waiting=[plan.name for plan in self._waiting],
            finished=list(self._finished),
            failed=list(self._given_up),
        )
        self._display.show(snapshot)
        write_json(asdict(snapshot), self._progress_file)


def reason_of(error: Exception) -> str:
    """The cause of what came back from an actor, in one line."""
    if isinstance(error, RayActorError):
        return "its process died"
    cause = error.cause if isinstance(error, RayTaskError) else error
    first_line = str(cause).strip().partition("\n")[0]
    return first_line if isinstance(cause, RecycleError) else f"{type(cause).__name__}: {first_line}"
