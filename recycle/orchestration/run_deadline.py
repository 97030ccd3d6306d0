"""The deadline of a run: which of its members are trained until then, said before the first of them starts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.console import Console

from recycle.data.prepare import PreparedData
from recycle.orchestration.deadline import Clock, Deadline, plan_until
from recycle.orchestration.expectation import expect_member
from recycle.orchestration.nodes import Node
from recycle.orchestration.probing import probe_models
from recycle.paths import probes_folder
from recycle.recipe import Model, Recipe
from recycle.report.plan import PlannedMember
from recycle.training.member import MemberPlan
from recycle.training.probes import read_probe

FUSION_PART = 0.15
"""Of the time there is, what is kept for fusion and the report."""

SEARCH_PART = 0.5
"""Of what is kept, what the search of fusion settings gets; reading, scoring and drawing take the rest."""

SLACK = 1.25
"""Validation and prediction come on top of the steps that were measured."""

LEFT_OUT = "left out, as there is no time for it before the deadline"


@dataclass(frozen=True)
class TimedTraining:
    """What is trained before the deadline, and what is not.

    Attributes:
        plans: Members to train.
        left_out: The reason for each that is not, by its name.
        deadline: Keeps the end; None where there is no hurry.
    """

    plans: Sequence[MemberPlan]
    left_out: Mapping[str, str] = field(default_factory=dict)
    deadline: Deadline | None = None


def measure_speed(recipe: Recipe, prepared: PreparedData, console: Console) -> None:
    """Measures a few steps of each model whose speed is not known yet: estimates are too rough to promise an end by."""
    unknown = tuple(model for model in recipe.models if not _is_known(model, probes_folder()))
    if unknown:
        console.print(f"Measuring the speed of {', '.join(model.name for model in unknown)}")
        probe_models(recipe.model_copy(update={"models": unknown}), prepared, probes_folder(), console)


def plan_training(
    plans: Sequence[MemberPlan],
    prepared: PreparedData,
    nodes: Sequence[Node],
    ends_at: float,
    clock: Clock,
    console: Console,
) -> TimedTraining:
    """Chooses the members that can finish, and says which are left out.

    Args:
        plans: All members that should be trained.
        prepared: The data.
        nodes: The nodes that members share.
        ends_at: When the whole run must be over, on the clock.
        clock: Gives seconds.
        console: Where it is said.
    """
    seconds = (ends_at - clock()) * (1 - FUSION_PART)
    planned = plan_until([_expected(plan, prepared) for plan in plans], nodes, seconds)
    chosen = {member.name for member in planned.members}
    for member in planned.left_out:
        console.print(f"{member.name}: {LEFT_OUT} (expected: {member.seconds:.0f} s)")
    return TimedTraining(
        plans=[plan for plan in plans if plan.name in chosen],
        left_out={member.name: LEFT_OUT for member in planned.left_out},
        deadline=Deadline(clock() + seconds, planned.members, clock),
    )


def seconds_for_fusion(ends_at: float, now: float) -> float:
    """What the search of fusion settings may take of the time that is left."""
    return max(1.0, (ends_at - now) * SEARCH_PART)


def _is_known(model: Model, probes: Path) -> bool:
    phases: Sequence[Model] = model.in_phases()
    return all(read_probe(phase, probes) is not None for phase in phases)


def _expected(plan: MemberPlan, prepared: PreparedData) -> PlannedMember:
    expected = expect_member(plan, prepared.train, prepared.folds)
    member = PlannedMember(
        plan.name, plan.settings, expected.steps, expected.seconds, expected.memory_gib, expected.measured_on
    )
    return replace(member, seconds=member.seconds * SLACK)
