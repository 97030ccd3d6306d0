"""Whether a run's checkpoints will fit the disk, before anything trains."""

import shutil
from collections.abc import Sequence

from recycle.errors import ResourceError
from recycle.models.size import checkpoints_gib
from recycle.orchestration.nodes import GIB
from recycle.paths import RunPaths
from recycle.training.member import MemberPlan


def require_disk(plans: Sequence[MemberPlan], paths: RunPaths) -> None:
    """Refuses members whose checkpoints would not fit the run folder's disk; a storage is taken to be large enough.

    Args:
        plans: Members that are yet to be trained; what some of them may have written already is not counted.
        paths: The run folder.

    Raises:
        ResourceError: With what is needed and what is free.
    """
    own = [plan for plan in plans if plan.stored is None]
    needed = sum(checkpoints_gib(plan.settings, plan.checkpoints) for plan in own)
    free = shutil.disk_usage(paths.root).free / GIB
    if needed > free:
        raise ResourceError(
            f"{paths.root}: checkpoints of {len(own)} members need about {needed:.3g} GiB, but {free:.3g} GiB are "
            f"free; the recipe's checkpoints={own[0].checkpoints} may be less, or the run folder on another disk"
        )
