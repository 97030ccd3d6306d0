"""Which member starts next: the longest that fits, so that none is left to run alone at the end."""

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

from recycle.orchestration.cluster import ray_resources
from recycle.orchestration.expectation import expected_seconds_an_image
from recycle.recipe import Model, Resources
from recycle.training.member import MemberPlan


class NeedsResources(Protocol):
    """Something that runs with the resources of its model."""

    @property
    def settings(self) -> Model:
        """Its model."""
        ...


Waiting = TypeVar("Waiting", bound=NeedsResources)


def longest_first(plans: Sequence[MemberPlan]) -> list[MemberPlan]:
    """Sorts members by expected duration, longest first; equals keep their order."""
    return sorted(plans, key=_expected_duration, reverse=True)


def next_to_start(waiting: Sequence[Waiting], free: Mapping[str, float]) -> Waiting | None:
    """The first waiting member that fits into the free resources."""
    return next((plan for plan in waiting if fits(plan.settings.resources, free)), None)


def fits(resources: Resources, free: Mapping[str, float]) -> bool:
    """Whether a member's resources are free."""
    # Fractions of a GPU do not add up exactly.
    return all(wanted <= free.get(name, 0) + 1e-6 for name, wanted in ray_resources(resources).items())


def _expected_duration(plan: MemberPlan) -> float:
    return sum(expected_seconds_an_image(phase) * phase.epochs for phase in plan.settings.in_phases())
