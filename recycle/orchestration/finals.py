"""The finals of a training search: the best trials at full size, and the winner against the default over seeds."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from rich.console import Console

from recycle.errors import TrainingError
from recycle.evaluation.seeds import SeedsComparison, compare_seeds
from recycle.fusion.member_score import member_score
from recycle.orchestration.attempt_log import AttemptLog
from recycle.orchestration.candidates import CandidateTrial
from recycle.orchestration.deadline import Deadline
from recycle.orchestration.train import MemberTraining
from recycle.report.plan import PlannedMember
from recycle.report.progress import Display
from recycle.report.training_search import DEFAULT, Finalist, TrialRecord
from recycle.training.member import MemberPlan, TrainingData


@dataclass(frozen=True)
class FinalsPlan:
    """How many trainings at full size there are.

    Attributes:
        finalists: Trials that are trained beside the default; 0 means no finals.
        seeds: How often the winner and the default are trained to be compared; 0 means not at all.
    """

    finalists: int
    seeds: int


def plan_finals(wanted: FinalsPlan, seconds_left: float, seconds_a_training: float, side_by_side: int) -> FinalsPlan:
    """Plans what fits into the time: first fewer finalists, then fewer seeds, at last none.

    Args:
        wanted: What there would be with all the time in the world.
        seconds_left: Time there is.
        seconds_a_training: What a candidate takes at full size, on all folds.
        side_by_side: How many are trained at a time.
    """
    fewer = [replace(wanted, finalists=count) for count in range(wanted.finalists, 0, -1)]
    fewer += [FinalsPlan(1, seeds) for seeds in (*range(wanted.seeds - 1, 1, -1), 0)]
    for plan in fewer:
        if seconds_of(plan, seconds_a_training, side_by_side) <= seconds_left:
            return plan
    return FinalsPlan(0, 0)


def seconds_of(plan: FinalsPlan, seconds_a_training: float, side_by_side: int) -> float:
    """Time that finals take: the finalists first, then the further seeds of two of them."""
    rounds = math.ceil((plan.finalists + 1) / side_by_side) + math.ceil(2 * plan.seeds / side_by_side)
    return rounds * seconds_a_training if plan.finalists else 0.0


@dataclass(frozen=True)
class FinalsEnd:
    """When finals must be over.

    Attributes:
        ends_at: On the monotonic clock.
        seconds_a_member: What a candidate takes at full size on one fold.
    """

    ends_at: float
    seconds_a_member: float

    def deadline(self, plans: Sequence[MemberPlan]) -> Deadline:
        """Keeps the end while these are trained, in their order."""
        members = [PlannedMember(plan.name, plan.settings, 0, self.seconds_a_member, 0.0, ()) for plan in plans]
        return Deadline(self.ends_at, members)


class Finals:
    """Trains candidates at full size; what was finished before is not trained again.

    Args:
        candidates: Makes members of candidates.
        data: What they are trained on.
        end: When training must be over; None where there is no hurry.
        console: Where progress is shown.
    """

    def __init__(
        self, candidates: CandidateTrial, data: TrainingData, end: "FinalsEnd | None", console: Console
    ) -> None:
        self._candidates, self._data, self._end, self._console = candidates, data, end, console
        self._changes: dict[str, Mapping[str, Any]] = {DEFAULT: {}}

    def rank(self, trials: Sequence[TrialRecord], default: TrialRecord | None) -> list[Finalist]:
        """Trains trials and the default at full size.

        Args:
            trials: Those to train.
            default: The trial of the default, if it came to its end.

        Returns:
            All of them, the best first.
        """
        searched = {name_of(trial): trial for trial in trials}
        self._changes |= {name: trial.changes for name, trial in searched.items()}
        reasons = self._train([(name, 0) for name in [DEFAULT, *searched]])
        finalists = [
            Finalist(DEFAULT, 0, default.value if default else None, self._value(DEFAULT, 0), reasons[DEFAULT])
        ]
        finalists += [
            Finalist(name, trial.number, trial.value, self._value(name, 0), reasons[name])
            for name, trial in searched.items()
        ]
        return sorted(finalists, key=lambda one: -math.inf if one.full is None else one.full, reverse=True)

    def compare(self, winner: str, seeds: int) -> SeedsComparison:
        """Trains the winner and the default with seeds other than the one that chose the winner, and compares them.

        Raises:
            TrainingError: If less than two trainings of one of them were finished.
        """
        reasons = self._train([(name, seed) for seed in range(1, seeds + 1) for name in (winner, DEFAULT)])
        scores = [self._values(name, seeds) for name in (winner, DEFAULT)]
        if min(map(len, scores)) < 2:
            raise TrainingError("too few trainings were finished: " + "; ".join(filter(None, reasons.values())))
        return compare_seeds(*scores)

    def _values(self, name: str, seeds: int) -> list[float]:
        return [value for seed in range(1, seeds + 1) if (value := self._value(name, seed)) is not None]

    def _train(self, wanted: Sequence[tuple[str, int]]) -> dict[str, str]:
        """Gives the reasons why trainings failed, those of all seeds of a name together; empty where none did."""
        of_name = {(name, seed): self._plans(name, seed) for name, seed in wanted}
        missing = [plan for plans in of_name.values() for plan in plans if not _is_finished(plan)]
        failed: dict[str, str] = {}
        for plan in missing:
            if plan.oof:
                plan.oof.unlink(missing_ok=True)  # of another key
        if missing:
            failed = self._run(missing)
        reasons: dict[str, list[str]] = {name: [] for name, _ in wanted}
        for (name, _), plans in of_name.items():
            reasons[name] += [failed[plan.name] for plan in plans if plan.name in failed]
        return {name: "; ".join(dict.fromkeys(told)) for name, told in reasons.items()}

    def _run(self, plans: Sequence[MemberPlan]) -> dict[str, str]:
        paths = self._candidates.paths
        with Display(self._console) as display:
            return MemberTraining(
                plans,
                self._data,
                retries=self._candidates.recipe.retries,
                on_finished=lambda plan, outcome, attempts: None,
                display=display,
                progress_file=paths.progress,
                attempt_log=AttemptLog(paths.attempts),
                deadline=self._end.deadline(plans) if self._end else None,
            ).run()

    def _plans(self, name: str, seed: int) -> list[MemberPlan]:
        return self._candidates.final_plans(name, self._changes[name], seed)

    def _value(self, name: str, seed: int) -> float | None:
        plans = self._plans(name, seed)
        if not all(_is_finished(plan) for plan in plans):
            return None
        return fmean(self._value_of(plan) for plan in plans)

    def _value_of(self, plan: MemberPlan) -> float:
        assert plan.oof is not None
        if self._candidates.joining:
            return self._candidates.joining(plan.oof)
        return member_score(self._data.train, plan.oof, self._candidates.recipe.search_metric)


def name_of(trial: TrialRecord) -> str:
    """How a trial is called among the finalists."""
    return f"trial-{trial.number}"


def _is_finished(plan: MemberPlan) -> bool:
    key = plan.work_dir / "key"
    return bool(plan.oof and plan.oof.is_file() and key.is_file() and key.read_text() == plan.key)
