"""The fusion stage of a finished run once more: the one function behind `jobs/search_ensemble.py`."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from recycle.data.prepare import read_prepared
from recycle.errors import ResumeError
from recycle.orchestration.cluster import connected
from recycle.orchestration.finish import TrainedRun
from recycle.orchestration.finish_by_task import finish
from recycle.orchestration.ledger import Ledger
from recycle.orchestration.member_names import members_of
from recycle.orchestration.open_run import open_run, recorded_folder
from recycle.orchestration.round_records import kept_rounds
from recycle.orchestration.run_storage import mirrored, stored_run
from recycle.paths import RunPaths
from recycle.recipe.tasks import FUSION_PARTS
from recycle.recipe_yaml import load_recipe
from recycle.report.results import Results

UNFINISHED = "not finished when the ensemble was searched"


def search_ensemble(
    root: Path, console: Console, *, trials: int | None, time_budget_s: float | None, changes: Sequence[str]
) -> Results:
    """Searches the best ensemble of a run's models, and replaces the results, submission and pictures of the run.

    Args:
        root: The run folder.
        console: Where progress and results are shown.
        trials: Settings to try in all, those of an earlier search like this one counted; None as the recipe says.
        time_budget_s: Ends the search earlier after about so many seconds.
        changes: `key=value` for the recipe's fusion.

    Raises:
        RecycleError: If there is no such run, it is in use, or the changes concern more than fusion.
    """
    paths = RunPaths(root)
    if not paths.prepared.is_file():
        raise ResumeError(f"{root}: there is no trained run, as data/{paths.prepared.name} is missing")
    path = str(paths.recipe.absolute())
    more = [] if trials is None else [f"{FUSION_PARTS[load_recipe(path).task]}.trials={trials}"]
    recipe = load_recipe(path, [*changes, *more])
    stored = stored_run(recipe, paths)
    with open_run(recipe, paths, resume=True), mirrored(stored, console.print), connected():
        ledger = Ledger(paths.ledger, stored)
        finished = {name: entry for name, entry in ledger.latest().items() if ledger.finished(entry.key)}
        kept = kept_rounds(paths)
        names = [member.name for member in members_of(recipe, max(kept)) if member.round_index in kept]
        # In the order of the recipe, as the run had them: the ledger has them as they finished.
        members = [finished[name] for name in names if name in finished]
        failed = dict.fromkeys((name for name in names if name not in finished), UNFINISHED)
        prepared = read_prepared(recorded_folder(paths), paths)
        run = TrainedRun(recipe, prepared, members, failed, paths)
        return finish(run, console, time_budget_s=time_budget_s)
