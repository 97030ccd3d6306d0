"""The whole run, from a recipe and a folder to a submission: the one function behind `jobs/train_all.py`."""

import math
import time
from pathlib import Path

from rich.console import Console

from recycle.orchestration.cluster import connected
from recycle.orchestration.data_source import data_source
from recycle.orchestration.finish import TrainedRun
from recycle.orchestration.finish_by_task import finish_in_rounds
from recycle.orchestration.ledger import Ledger
from recycle.orchestration.open_run import open_run, recorded_data
from recycle.orchestration.plan import plan_members
from recycle.orchestration.prepare_run import prepare_run
from recycle.orchestration.rounds import ExtraRound
from recycle.orchestration.run_deadline import measure_speed, seconds_for_fusion
from recycle.orchestration.run_storage import mirrored, stored_run, take_over
from recycle.orchestration.train_members import TrainMembers
from recycle.paths import RunPaths
from recycle.recipe import Recipe
from recycle.report.results import Results


def run(
    recipe: Recipe,
    data: str,
    root: Path,
    *,
    resume: bool,
    console: Console,
    seconds: float = math.inf,
    extra_round: ExtraRound | None = None,
) -> Results:
    """Trains every member, predicts, fuses, makes rounds of pseudo labels, scores, and writes the submission.

    Args:
        recipe: What to do.
        data: Folder with `annotations.json` and images, or its address; if empty, those that the run was begun with, or
            the synthetic sample.
        root: The run folder.
        resume: Whether to continue the run that the folder holds.
        console: Where progress and results are shown; without markup, as class names may look like it.
        seconds: When all must be over, from now: members that cannot finish are left out.
        extra_round: A round of pseudo labels that is made whatever became of those before.

    Returns:
        The scores, which are also in `results.json`; `failed` names members that were given up.

    Raises:
        RecycleError: With what the user has to mend; what was finished stays in the run folder.
    """
    ends_at = time.monotonic() + seconds

    def budget() -> float | None:
        return seconds_for_fusion(ends_at, time.monotonic()) if seconds < math.inf else None

    paths = RunPaths(root)
    stored = stored_run(recipe, paths)
    take_over(stored, paths, resume=resume)
    with (
        open_run(recipe, paths, resume=resume),
        mirrored(stored, console.print) as copy_now,
        data_source(data or recorded_data(paths), recipe.data.copy_gib) as source,
    ):
        prepared = prepare_run(recipe, source, paths, console)
        plans = plan_members(recipe, paths, data_digest=prepared.digest)
        if seconds < math.inf:
            measure_speed(recipe, prepared, console)
        train = TrainMembers(recipe, prepared, source, Ledger(paths.ledger, stored), paths, console, ends_at, copy_now)
        with connected():
            finished, failed = train(plans)
            trained = TrainedRun(recipe, prepared, finished, failed, paths)
            return finish_in_rounds(trained, train, console, budget, extra_round)
