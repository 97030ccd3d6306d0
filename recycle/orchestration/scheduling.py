"""Which member starts next: the longest that fits, so that none is left to run alone at the end."""

from collections.abc import Mapping, Sequence

from recycle.models.cost import relative_cost
from recycle.orchestration.cluster import ray_resources
from recycle.recipe import Resources
from recycle.training.member import MemberPlan


def longest_first(plans: Sequence[MemberPlan]) -> list[MemberPlan]:
    """Sorts members by expected duration, longest first; equals keep their order.

    The expectation is work over cores: enough to sort by, as only the order matters.
    """
    return sorted(plans, key=_expected_duration, reverse=True)


def next_to_start(waiting: Sequence[MemberPlan], free: Mapping[str, float]) -> MemberPlan | None:
    """The first waiting member that fits into the free resources."""
    return next((plan for plan in waiting if fits(plan.settings.resources, free)), None)


def fits(resources: Resources, free: Mapping[str, float]) -> bool:
    """Whether a member's resources are free."""
    # Fractions of a GPU do not add up exactly.
    return all(wanted <= free.get(name, 0) + 1e-6 for name, wanted in ray_resources(resources).items())


def _expected_duration(plan: MemberPlan) -> float:
    settings = plan.settings
    speed = 30 * settings.resources.num_gpus + settings.resources.num_cpus
    return relative_cost(settings) * settings.epochs / speed
