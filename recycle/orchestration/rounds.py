"""Rounds of pseudo labels: each is labelled, trained, fused with what stands, and kept only if that is better."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from recycle.errors import ResumeError
from recycle.orchestration.ledger import FinishedMember
from recycle.orchestration.plan import learning_from, plan_members
from recycle.orchestration.round_labels import RoundTask, labels_of, latest_models
from recycle.orchestration.round_records import LabelsRecord, read_gate, write_gate
from recycle.orchestration.task_rounds import FusedOfTask, TaskRounds
from recycle.recipe import PseudoLabels, name_in_recipe
from recycle.report.rounds import GateReport, nothing_sure
from recycle.training.member import MemberPlan, RoundPlan

Train = Callable[[Sequence[MemberPlan]], tuple[list[FinishedMember], dict[str, str]]]
"""Trains what is missing; gives the members that are finished, and the reasons of those that were given up."""

Budget = Callable[[], float | None]


@dataclass(frozen=True)
class ExtraRound:
    """A round that is made even if the one before was not kept.

    Attributes:
        round_index: Which.
        source: A file of predictions to learn from; None lets the ensemble label.
    """

    round_index: int
    source: Path | None


def add_rounds(
    fused: FusedOfTask,
    by_task: TaskRounds[FusedOfTask],
    train: Train,
    console: Console,
    budget: Budget,
    extra: ExtraRound | None = None,
) -> FusedOfTask:
    """Makes the rounds that the recipe asks for, until one is not kept.

    What is recorded of them is not done again, and a round that has ended counts whether or not it is asked for.

    Args:
        fused: The ensemble without pseudo labels.
        by_task: What its task supplies.
        train: Trains members.
        console: Where progress is shown.
        budget: Seconds that a search of fusion settings may take, asked before each.
        extra: The last of them, if it is asked for by itself.

    Returns:
        The ensemble that stands in the end.

    Raises:
        ResumeError: If a round was kept whose members are gone and cannot be trained again.
        RecycleError: If labels cannot be made.
    """
    paths, wanted = fused.run.paths, fused.run.recipe.rounds
    for round_index in itertools.count(1):
        is_extra = extra is not None and round_index == extra.round_index
        if not (is_extra or round_index <= wanted or read_gate(paths, round_index)):
            break
        task = RoundTask(fused, by_task, round_index, extra.source if extra and is_extra else None)
        fused, gate = _make_round(task, train, console, budget)
        write_gate(gate, task.key, paths, round_index)
        console.print(f"Round {round_index} is {'kept' if gate.is_kept else 'not kept'}: {gate.reason}")
        if not gate.is_kept:  # from here on only those that were or are asked for by themselves
            wanted = round_index
    return fused


def _make_round(
    task: RoundTask[FusedOfTask], train: Train, console: Console, budget: Budget
) -> tuple[FusedOfTask, GateReport]:
    """Gives the ensemble that stands after the round, and what the gate decided, now or before."""
    former, labels = task.former, labels_of(task, console)
    decided = read_gate(former.run.paths, task.round_index)
    if decided and not decided.is_kept:
        return former, decided
    reason = nothing_sure(labels.report)
    if reason:
        return former, GateReport(False, reason)
    if not decided:
        task.by_task.write_results(former)  # whatever becomes of the round, this is there
    finished, failed = train(_plans(task, labels))
    former = replace(former, run=replace(former.run, failed={**former.run.failed, **failed}))
    if not any(entry.oof for entry in finished):
        if decided:
            raise ResumeError(_why_lost(task, failed))
        return former, GateReport(False, "no member that leaves out a fold could be trained")
    with_round = replace(former.run, members=[*former.run.members, *finished])
    candidate = task.by_task.fuse(with_round, console, time_budget_s=budget())
    settings = _settings(labels)
    pairs = _pairs(task, finished)
    gate = decided or task.by_task.pass_gate(former, candidate, pairs, settings.max_class_fall)
    return candidate if gate.is_kept else former, gate


def _why_lost(task: RoundTask[FusedOfTask], failed: Mapping[str, str]) -> str:
    reasons = "; ".join(f"{name}: {reason}" for name, reason in failed.items()) or "there was no time"
    record = task.former.run.paths.gate_record(task.round_index)
    return (
        f"{record}: round {task.round_index} was kept, but files of its members are gone, and none that leaves out a "
        f"fold could be trained again ({reasons}); put the files back, continue with more time, or delete this record "
        "to have the round decided anew"
    )


def _plans(task: RoundTask[FusedOfTask], labels: LabelsRecord) -> list[MemberPlan]:
    """Plans of all members that have one to go on from."""
    run, settings = task.former.run, _settings(labels)
    recipe = run.recipe.model_copy(update={"pseudo_labels": settings})
    plans = plan_members(recipe, run.paths, data_digest=run.prepared.digest, round_index=task.round_index)
    return [
        _with_labels(plan, parent, task, settings)
        for plan in plans
        if (parent := task.parents.get((name_in_recipe(plan.settings.name), plan.fold)))
    ]


def _with_labels(
    plan: MemberPlan, parent: FinishedMember, task: RoundTask[FusedOfTask], settings: PseudoLabels
) -> MemberPlan:
    paths = task.former.run.paths
    pseudo = RoundPlan(
        parent=(paths.root / parent.checkpoint).absolute(),
        labels=paths.pseudo_labels(task.round_index, plan.fold).absolute(),
        settings=settings,
    )
    return learning_from(plan, pseudo, parent.key)


def _pairs(task: RoundTask[FusedOfTask], finished: Sequence[FinishedMember]) -> Mapping[str, str]:
    """For each model of the round the one that it went on from, in the latest round that has it."""
    latest = latest_models(task.former.run.members)
    return {entry.model: latest[name_in_recipe(entry.model)] for entry in finished if entry.oof}


def _settings(labels: LabelsRecord) -> PseudoLabels:
    """As they were when the labels were made."""
    return PseudoLabels.model_validate(labels.settings)
