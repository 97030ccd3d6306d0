"""What a run will take, as a table."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from recycle.recipe import Model
from recycle.report.progress import duration


@dataclass(frozen=True)
class PlannedMember:
    """One member of a run that has not begun.

    Attributes:
        name: The member's name.
        settings: Its model.
        steps: Batches over all epochs.
        seconds: Expected time of all steps.
        memory_gib: Expected peak of memory, of the GPU where it trains on one.
        measured_on: The devices that this was measured on; none if it is an estimate.
    """

    name: str
    settings: Model
    steps: int
    seconds: float
    memory_gib: float
    measured_on: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """What a run will take.

    Attributes:
        members: All members in the order of the recipe.
        seconds: From the start of the first to the end of the last.
        machine: What the members share, in words.
        images: How many training images there are, in words.
    """

    members: Sequence[PlannedMember]
    seconds: float
    machine: str
    images: str


def plan_table(plan: Plan) -> Table:
    """A line for each member; `~` marks estimates."""
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("member", overflow="fold")
    for heading in ("px", "batch", "epochs", "steps", "CPUs", "GPUs", "GiB", "time"):
        table.add_column(heading, justify="right", no_wrap=True)
    for member in plan.members:
        table.add_row(Text(member.name), *_cells(member))
    return table


def plan_summary(plan: Plan) -> Iterator[str]:
    """What the table adds up to, and where its figures come from, a line each."""
    mark = "" if all(member.measured_on for member in plan.members) else "~"
    total = sum(member.seconds for member in plan.members)
    yield (
        f"{len(plan.members)} members, {mark}{_hours(total)} one after the other, {mark}{_hours(plan.seconds)} on "
        f"{plan.machine}; {plan.images}."
    )
    yield (
        "GiB: the peak of a GPU's memory, or of main memory where a member trains without. Times are those of training "
        "steps; validation, prediction and the search of fusion settings come on top."
    )
    devices = sorted({device for member in plan.members for device in member.measured_on})
    if devices:
        yield f"Measured on: {', '.join(devices)}."
    if mark:
        yield (
            "~ marks estimates from the size of the networks, for a GPU of the V100's class or a server's cores, "
            "which may be off by a factor of two or more; --probe measures each model here and plans with that."
        )


def _cells(member: PlannedMember) -> tuple[str, ...]:
    settings = member.settings
    mark = "" if member.measured_on else "~"
    return (
        str(settings.image_size),
        f"{settings.batch_size}" + (f"x{settings.accumulate}" if settings.accumulate > 1 else ""),
        str(settings.epochs),
        f"{member.steps:,}",
        f"{settings.resources.num_cpus:g}",
        f"{settings.resources.num_gpus:g}",
        f"{mark}{member.memory_gib:.1f}",
        f"{mark}{duration(member.seconds)}",
    )


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.2g} h" if seconds < 36000 else f"{seconds / 3600:,.0f} h"
