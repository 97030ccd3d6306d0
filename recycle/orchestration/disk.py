"""Whether a run's checkpoints and predictions will fit the disk, before anything trains."""

import shutil
from collections.abc import Sequence

from recycle.data.prepare import PreparedData
from recycle.errors import ResourceError
from recycle.models.size import checkpoints_gib, predictions_gib
from recycle.orchestration.nodes import GIB
from recycle.paths import RunPaths
from recycle.training.member import MemberPlan


def require_disk(plans: Sequence[MemberPlan], prepared: PreparedData, paths: RunPaths) -> None:
    """Refuses members whose files would not fit the run folder's disk; a storage is taken to be large enough.

    Args:
        plans: Members that are yet to be trained; what they have written already takes no more room.
        prepared: The data.
        paths: The run folder.

    Raises:
        ResourceError: With what is needed and what is free.
    """
    own = [plan for plan in plans if plan.stored is None]
    needed = sum(_still_needed(plan, prepared) for plan in own)
    free = shutil.disk_usage(paths.root).free / GIB
    if needed > free:
        raise ResourceError(
            f"{paths.root}: the files of {len(own)} members need about {needed:.3g} GiB, but {free:.3g} GiB are "
            f"free; the recipe's checkpoints={own[0].checkpoints} may be less, or the run folder on another disk"
        )


def _still_needed(plan: MemberPlan, prepared: PreparedData) -> float:
    written = sum(path.stat().st_size for path in plan.work_dir.rglob("*") if path.is_file()) / GIB
    return max(checkpoints_gib(plan.settings, plan.checkpoints) - written, 0.0) + _predictions(plan, prepared)


def _predictions(plan: MemberPlan, prepared: PreparedData) -> float:
    inside = sum(fold == plan.fold for fold in prepared.folds.assignment.values())
    return predictions_gib(plan.settings, inside + len(prepared.test.images), len(prepared.train.categories) + 1)
