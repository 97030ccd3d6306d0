"""One more round of pseudo labels on a finished run: the one function behind `jobs/pseudo_label.py`."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from recycle.data.coco import read_coco
from recycle.errors import RecipeError, ResumeError
from recycle.orchestration.finish_by_task import TASK_ROUNDS
from recycle.orchestration.open_run import recorded_data
from recycle.orchestration.round_records import read_rounds
from recycle.orchestration.rounds import ExtraRound
from recycle.orchestration.run import run
from recycle.paths import RunPaths
from recycle.recipe_yaml import load_recipe
from recycle.report.results import Results

PART = "pseudo_labels."


def add_round(root: Path, source: Path | None, changes: Sequence[str], console: Console) -> Results:
    """Makes one more round, even if the last one was not kept, and replaces results and submission if it is kept.

    A round that was interrupted is continued instead.

    Args:
        root: The run folder.
        source: A file of predictions of the test images to learn from; None lets the run's ensemble label.
        changes: `key=value` for the recipe's `pseudo_labels`; earlier rounds stay as they are.
        console: Where progress and results are shown.

    Returns:
        The results of the ensemble that stands.

    Raises:
        ResumeError: If there is no finished run in the folder, or it is in use.
        RecipeError: If the changes concern anything else, or a setting is not valid or does not go with a file.
        DataError: If the file does not fit the run's test images.
    """
    paths = RunPaths(root)
    if not paths.results.is_file():
        raise ResumeError(f"{root}: there is no finished run, as {paths.results.name} is missing")
    for change in changes:
        if not change.startswith(PART):
            raise RecipeError(f"--set must change {PART}KEY, but got {change!r}")
    recipe = load_recipe(str(paths.recipe.absolute()), changes)
    if source is not None:  # to refuse it before the ensemble that stands is fused, which may take long
        test = read_coco(paths.test, paths.root)
        TASK_ROUNDS[recipe.task].require_source(source, test, recipe.pseudo_labels)
    extra = ExtraRound(sum(one.gate is not None for one in read_rounds(paths)) + 1, source)
    return run(recipe, recorded_data(paths), root, resume=True, console=console, extra_round=extra)
