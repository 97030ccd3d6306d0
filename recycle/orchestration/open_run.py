"""Beginning a run folder, or continuing one: only with the same recipe and data, and only one driver at a time."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from recycle.data.json_files import read_json, write_json
from recycle.data.node_cache import copy_of
from recycle.errors import ResumeError
from recycle.paths import RunPaths
from recycle.recipe import Recipe
from recycle.recipe_yaml import differences, load_recipe, write_recipe
from recycle.storage import Storage, is_address


@dataclass(frozen=True)
class RunOrigin:
    """What a run was begun with; once this is recorded, the run has begun.

    Attributes:
        data: The data folder, or its address; empty for the synthetic sample.
        digest: Digest of all image files, annotations and folds.
    """

    data: str
    digest: str


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
    else:
        _require_no_run(paths)
    paths.root.mkdir(parents=True, exist_ok=True)
    # The system drops the lock when the driver dies, however it dies.
    with paths.lock.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ResumeError(f"{paths.root}: another process is working on this run") from None
        write_recipe(recipe, paths.recipe)
        yield


def require_run(paths: RunPaths) -> None:
    """Refuses a folder that holds no run, begun or not.

    Raises:
        ResumeError: With what is missing.
    """
    if not paths.root.is_dir():
        raise ResumeError(f"{paths.root}: there is no such folder")
    if not paths.recipe.is_file():
        raise ResumeError(f"{paths.root}: there is no run in this folder, as {paths.recipe.name} is missing")


def is_worked_on(paths: RunPaths) -> bool:
    """Whether a driver works on a run now, on any machine whose locks this one sees."""
    if not paths.lock.is_file():
        return False
    with paths.lock.open() as lock:
        try:
            # A driver that starts in this very moment would be refused; it may start again.
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def origin_of(paths: RunPaths) -> RunOrigin | None:
    """What a run was begun with; None if it has not begun, as when its data were refused."""
    if not paths.origin.is_file():
        return None
    try:
        return RunOrigin(**read_json(paths.origin))  # type: ignore[arg-type]
    except TypeError:
        raise ResumeError(f"{paths.origin}: not a record of what a run was begun with") from None


def recorded_data(paths: RunPaths) -> str:
    """The data that a run was begun with, a folder or an address; empty if not begun, or if it has drawn its sample."""
    origin = origin_of(paths)
    return origin.data if origin else ""


def recorded_folder(paths: RunPaths) -> Path:
    """Where this machine has the images that a run was begun with; of an address, its copy of them."""
    name = recorded_data(paths)
    if is_address(name):
        return copy_of(Storage(name))
    return Path(name) if name else paths.sample


def require_same_data(data: str, digest: str, paths: RunPaths) -> None:
    """Records what a run is begun with, or refuses to continue it with other images, annotations or folds.

    Raises:
        ResumeError: If the data differ.
    """
    recorded = origin_of(paths)
    if recorded is None:
        name = str(Path(data).absolute()) if data and not is_address(data) else data
        write_json(asdict(RunOrigin(name, digest)), paths.origin)
    elif recorded.digest != digest:
        raise ResumeError(
            f"{paths.root}: the data are not those that this run was begun with, {recorded.data or 'the sample'} "
            f"(digest {digest} instead of {recorded.digest}); start a new run for them"
        )


def _require_no_run(paths: RunPaths) -> None:
    """Accepts what a run leaves behind that ended before it began, as one whose data were refused."""
    ours = {paths.recipe.name, paths.lock.name, paths.train.parent.name}
    if paths.root.is_dir() and origin_of(paths) is None and {path.name for path in paths.root.iterdir()} <= ours:
        return
    if paths.root.exists():
        raise ResumeError(
            f"{paths.root}: the folder is not empty; add --resume to continue its run, or name another --run-dir"
        )


def _require_same_recipe(recipe: Recipe, paths: RunPaths) -> None:
    if not paths.recipe.is_file():
        raise ResumeError(f"{paths.root}: there is no run to resume, as {paths.recipe.name} is missing")
    changed = differences(load_recipe(str(paths.recipe.absolute())), recipe)
    if changed and origin_of(paths):
        raise ResumeError(
            f"{paths.root}: this run was begun with another recipe, which differs in\n  " + "\n  ".join(changed)
        )
