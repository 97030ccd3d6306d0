"""Beginning a run folder, or continuing one: only with the same recipe and data, and only one driver at a time."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from recycle.data.json_files import read_json, write_json
from recycle.errors import ResumeError
from recycle.paths import RunPaths
from recycle.recipe import Recipe
from recycle.recipe_yaml import differences, load_recipe, write_recipe


@contextmanager
def open_run(recipe: Recipe, paths: RunPaths, *, resume: bool) -> Iterator[None]:
    """Holds a run folder for one driver while the block runs.

    Args:
        recipe: The recipe; it is written to the folder with every default spelled out.
        paths: The run folder.
        resume: Whether to continue what the folder holds.

    Raises:
        ResumeError: If the folder holds a run and is not to be resumed, holds none and is, was begun with a recipe
            that differs, or is in use.
    """
    if resume:
        _require_same_recipe(recipe, paths)
    elif paths.root.exists() and (not paths.root.is_dir() or any(paths.root.iterdir())):
        raise ResumeError(f"{paths.root}: this is not an empty folder; continue its run with --resume, or name another")
    paths.root.mkdir(parents=True, exist_ok=True)
    # The system drops the lock when the driver dies, however it dies.
    with paths.lock.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ResumeError(f"{paths.root}: another process works on this run") from None
        write_recipe(recipe, paths.recipe)
        yield


def require_same_data(digest: str, paths: RunPaths) -> None:
    """Refuses to continue a run with other images, annotations or folds than it was begun with.

    Raises:
        ResumeError: If the data differ.
    """
    if not paths.digest.is_file():
        write_json({"digest": digest}, paths.digest)
        return
    recorded = read_json(paths.digest)
    if recorded != {"digest": digest}:
        raise ResumeError(
            f"{paths.root}: the data have changed since this run was begun (digest {digest}, recorded in "
            f"{paths.digest}: {recorded}); start a new run for them"
        )


def _require_same_recipe(recipe: Recipe, paths: RunPaths) -> None:
    if not paths.recipe.is_file():
        raise ResumeError(f"{paths.root}: there is no run to resume, as {paths.recipe.name} is missing")
    changed = differences(load_recipe(str(paths.recipe.absolute())), recipe)
    if changed:
        raise ResumeError(
            f"{paths.root}: this run was begun with another recipe, which differs in\n  " + "\n  ".join(changed)
        )
