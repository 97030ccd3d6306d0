"""Trains the members of a round in parallel, in order of completion, through failures."""

import concurrent.futures
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import ray
from ray.exceptions import RayError

from recycle.data.json_files import write_json
from recycle.errors import RecycleError, StorageError
from recycle.files import write_text
from recycle.orchestration.actors import start_train_actor
from recycle.orchestration.attempt_log import AttemptLog
from recycle.orchestration.autoscaling import ask_for, nodes_that_may_come, start_request_watch
from recycle.orchestration.cluster import cluster_resources, misfit
from recycle.orchestration.deadline import Deadline
from recycle.orchestration.durations import Durations
from recycle.orchestration.expectation import Expectation, expect_member
from recycle.orchestration.failures import cause_of, details_of, reason_of
from recycle.orchestration.nodes import Claim, Needs
from recycle.orchestration.open_nodes import OpenNodes
from recycle.orchestration.progress_board import ActorHandle, start_progress_board
from recycle.orchestration.retries import Failure, nodes_to_avoid, why_given_up
from recycle.orchestration.run_storage import receive_member
from recycle.orchestration.scheduling import Job, Occupation, place
from recycle.report.progress import Display, Snapshot
from recycle.training.member import MemberOutcome, MemberPlan, TrainingData
from recycle.training.progress import Progress

SECONDS_BETWEEN_LOOKS = 0.5
SECONDS_TO_RECEIVE = 0.1
"""Time enough for a member whose files are here already."""
SECONDS_TO_HEAR = 5.0
"""Of what a progress board that comes back takes; meanwhile nothing else would be done."""
ERROR_FILE = "error.txt"
TOO_LATE = "it could not have finished before the deadline"
NOT_IN_TIME = "it was not finished at the deadline"

Finished = Callable[[MemberPlan, MemberOutcome, int], None]


@dataclass
class _Attempt:
    """A member that runs now."""

    member: "_Member"
    actor: ActorHandle
    claim: Claim


@dataclass
class _Member:
    """A member on its way through the cluster."""

    plan: MemberPlan
    needs: Needs
    attempts: int = 0
    failures: list[Failure] = field(default_factory=list)


class MemberTraining:
    """One round's members on their way through the cluster.

    Args:
        plans: Members to train.
        data: What they share.
        retries: How often a member that failed by itself is continued from its last checkpoint.
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
        expected = {plan.name: expect_member(plan, data.train, data.folds) for plan in plans}
        self._durations = Durations(
            {plan.name: plan.settings.name for plan in plans}, {name: one.seconds for name, one in expected.items()}
        )
        self._waiting = {plan.name: _Member(plan, _needs(plan, expected[plan.name])) for plan in plans}
        self._deadline = deadline
        self._running: dict[ray.ObjectRef[MemberOutcome], _Attempt] = {}
        self._finished: list[str] = []
        self._given_up: dict[str, str] = {}
        self._retries = retries
        self._on_finished = on_finished
        self._display = display
        self._progress_file = progress_file
        self._attempt_log = attempt_log
        self._latest: dict[str, Progress] = {}
        self._nodes = OpenNodes()
        self._more_may_come = bool(nodes_that_may_come())
        self._receiver = concurrent.futures.ThreadPoolExecutor()
        self._received: dict[concurrent.futures.Future[None], tuple[_Attempt, MemberOutcome]] = {}
        self._data = ray.put(data)
        self._board = start_progress_board()
        self._watch = start_request_watch(self._board) if self._more_may_come else None

    def run(self) -> dict[str, str]:
        """Trains until every member is finished or given up.

        Returns:
            The reason for each member that was given up, by its name.
        """
        try:
            self._ask_for_nodes()
            while self._waiting or self._running or self._received:
                if self._deadline:
                    self._keep(self._deadline)
                self._nodes.look()
                self._give_up_what_fits_nowhere()
                self._start_what_fits()
                for reference in self._await_an_end():
                    self._settle(reference)
                self._finish_what_was_received()
                self._hear()
                self._show()
        finally:
            self._receiver.shutdown(wait=False, cancel_futures=True)
            for attempt in self._running.values():
                ray.kill(attempt.actor)
            if self._watch:
                ray.kill(self._watch)
            ray.kill(self._board)
            ask_for([])
        return self._given_up

    def _keep(self, deadline: Deadline) -> None:
        """Leaves out what cannot finish any more, and ends what should have."""
        for attempt in self._running.values():
            if progress := self._latest.get(attempt.member.plan.name):
                deadline.measure(attempt.member.plan, progress.step / progress.steps)
        for member in [member for member in self._waiting.values() if not deadline.admits(member.plan)]:
            del self._waiting[member.plan.name]
            self._leave_out(member.plan, TOO_LATE)
        if deadline.is_over():
            for attempt in self._running.values():
                ray.kill(attempt.actor)
                plan = attempt.member.plan
                self._attempt_log.ended(plan.name, attempt.member.attempts, "failed", "", NOT_IN_TIME)
                self._leave_out(plan, NOT_IN_TIME)
            self._running.clear()

    def _leave_out(self, plan: MemberPlan, reason: str) -> None:
        self._given_up[plan.name] = reason
        self._display.log(f"{plan.name}: left out: {reason}")

    def _await_an_end(self) -> "list[ray.ObjectRef[MemberOutcome]]":
        """Attempts that ended; waits for the first, but not for long."""
        if not self._running:
            time.sleep(0 if self._received else SECONDS_BETWEEN_LOOKS)
            return []
        return ray.wait(list(self._running), timeout=SECONDS_BETWEEN_LOOKS)[0]

    def _give_up_what_fits_nowhere(self) -> None:
        """GPUs tell their memory only once they are asked: who needs a larger one would wait forever."""
        if self._more_may_come or not self._nodes.are_known:
            return
        for name, member in list(self._waiting.items()):
            if not member.needs.fit_any(self._nodes.seen):
                del self._waiting[name]
                self._leave_out(member.plan, misfit(name, member.needs, self._nodes.seen))

    def _ask_for_nodes(self) -> None:
        ask_for(
            [
                *(member.needs for member in self._waiting.values()),
                *(attempt.member.needs for attempt in self._running.values()),
            ]
        )

    def _start_what_fits(self) -> None:
        jobs = [self._job(member) for member in self._waiting.values()]
        running = [
            Occupation(attempt.claim, self._durations.seconds_left(attempt.member.plan.name))
            for attempt in self._running.values()
        ]
        for placement in place(jobs, self._nodes.open, running):
            self._start(self._waiting.pop(placement.job.name), placement.claim)

    def _job(self, member: _Member) -> Job:
        name, avoid = member.plan.name, nodes_to_avoid(member.failures)
        rank = self._deadline.rank(member.plan) if self._deadline else 0
        return Job(name, member.needs, self._durations.seconds_left(name), avoid, rank)

    def _start(self, member: _Member, claim: Claim) -> None:
        plan = member.plan
        member.attempts += 1
        attempt = _Attempt(member, start_train_actor(plan.settings.resources, claim), claim)
        self._running[attempt.actor.run.remote(plan, self._data, self._board, claim)] = attempt
        if self._deadline:
            self._deadline.start(plan)
        self._attempt_log.started(plan.name, member.attempts, claim, cluster_resources())
        self._display.log(f"{plan.name}: started" + (f" (attempt {member.attempts})" if member.attempts > 1 else ""))

    def _settle(self, reference: "ray.ObjectRef[MemberOutcome]") -> None:
        attempt = self._running.pop(reference)
        try:
            outcome = ray.get(reference)
        except (RecycleError, RayError) as error:
            self._fail(attempt, error)
        else:
            # Beside the others, which a storage that is out of reach must not hold up.
            self._received[self._receiver.submit(receive_member, attempt.member.plan)] = (attempt, outcome)
        finally:
            ray.kill(attempt.actor)
            self._ask_for_nodes()

    def _finish_what_was_received(self) -> None:
        for future in concurrent.futures.wait(self._received, timeout=SECONDS_TO_RECEIVE).done:
            attempt, outcome = self._received.pop(future)
            try:
                future.result()
            except StorageError as error:
                self._fail(attempt, error)
            else:
                self._finish(attempt.member, outcome)

    def _finish(self, member: _Member, outcome: MemberOutcome) -> None:
        name = member.plan.name
        self._finished.append(name)
        self._attempt_log.ended(name, member.attempts, "finished", outcome.host)
        self._on_finished(member.plan, outcome, member.attempts)
        for warning in outcome.warnings:
            self._display.log(f"{name}: {warning}")
        self._display.log(f"{name}: finished after {outcome.seconds:.0f} s on {outcome.host}")

    def _fail(self, attempt: _Attempt, error: Exception) -> None:
        member, plan = attempt.member, attempt.member.plan
        details = plan.work_dir / ERROR_FILE
        write_text(details_of(error), details)
        failure = self._failure(attempt, error)
        member.failures.append(failure)
        self._attempt_log.ended(plan.name, member.attempts, "failed", failure.host, failure.reason)
        if why := why_given_up(member.failures, self._retries):
            self._given_up[plan.name] = why
            self._display.log(f"{plan.name}: given up: {why} (details: {details})")
            return
        self._display.log(f"{plan.name}: {failure.reason}; continues from its last checkpoint (details: {details})")
        self._waiting = {plan.name: member, **self._waiting}

    def _failure(self, attempt: _Attempt, error: Exception) -> Failure:
        node_is_alive = self._nodes.is_alive(attempt.claim.node)
        seen = self._latest.get(attempt.member.plan.name)
        return Failure(
            cause=cause_of(error, node_is_alive=node_is_alive),
            reason=reason_of(error, node_is_alive=node_is_alive),
            node=attempt.claim.node,
            host=seen.host if seen else "",
            epoch=seen.epoch if seen else 0,
        )

    def _hear(self) -> None:
        running = [(attempt.member.plan.name, attempt.claim.node) for attempt in self._running.values()]
        try:
            leaving = [name for name, node in running if self._nodes.is_leaving(node)]
            self._latest |= ray.get(self._board.look.remote(leaving), timeout=SECONDS_TO_HEAR)
        except RayError:  # it comes back where its machine was lost
            return
        for name, _ in running:
            if name in self._latest:
                self._durations.observe(self._latest[name])

    def _show(self) -> None:
        running = [attempt.member.plan.name for attempt in self._running.values()]
        snapshot = Snapshot(
            running={name: self._latest.get(name) for name in running},
            waiting=list(self._waiting),
            finished=list(self._finished),
            failed=list(self._given_up),
        )
        self._display.show(snapshot)
        write_json(asdict(snapshot), self._progress_file)


def _needs(plan: MemberPlan, expected: Expectation) -> Needs:
    """What a member asks for; memory of its GPU as it was measured, where the recipe does not tell it."""
    return Needs.of(plan.settings.resources, expected.memory_gib if expected.measured_on else 0.0)
