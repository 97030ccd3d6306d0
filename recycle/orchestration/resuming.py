"""Whether a job begins a run or continues one, as it was told."""

from pathlib import Path
from typing import Any

from recycle.orchestration.run_storage import stored_run
from recycle.paths import RunPaths
from recycle.recipe import Recipe

ALWAYS = "always"
IF_BEGUN = "if-begun"

RESUME: dict[str, Any] = {
    "nargs": "?",
    "const": ALWAYS,
    "choices": (ALWAYS, IF_BEGUN),
    "metavar": IF_BEGUN,
    "help": "continue the run in RUN; nothing finished is redone (if-begun: or begin it, where none is)",
}
"""The argument --resume; None where it is left out."""


def is_resumed(told: str | None, recipe: Recipe, root: Path) -> bool:
    """Whether a run is to be continued.

    Args:
        told: The value of --resume.
        recipe: The recipe, which may name a storage.
        root: The run folder, which the storage may hold where this machine does not.

    Raises:
        StorageError: If the storage cannot be asked: no run is begun in the place of one that is out of reach.
    """
    if told != IF_BEGUN:
        return told is not None
    paths, stored = RunPaths(root), stored_run(recipe, RunPaths(root))
    return paths.recipe.is_file() or (stored is not None and stored.storage.holds(paths.recipe.name))
