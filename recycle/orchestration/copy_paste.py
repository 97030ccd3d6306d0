"""Objects of rare classes pasted into the training parts of folds, side by side, before anything trains."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from recycle.data.copy_paste_folder import Additions, ensure_pasted
from recycle.data.prepare import PreparedData
from recycle.errors import RecycleError, ResourceError
from recycle.orchestration.plan import digest, library_versions, seed_for
from recycle.paths import RunPaths
from recycle.recipe import Fold, Recipe
from recycle.recipe.copy_paste import CopyPaste
from recycle.training.member import TrainingData

Tell = Callable[[str], None]


def paste_into_folds(
    recipe: Recipe, prepared: PreparedData, folds: Iterable[Fold], paths: RunPaths, tell: Tell
) -> dict[Fold, Path]:
    """Pastes what the recipe asks for into the training part of each fold, once; what the run folder holds is kept.

    Args:
        recipe: The recipe.
        prepared: Its data; images and run folder must lie at the same paths on all nodes.
        folds: The folds; one that is named several times is made once.
        paths: The run folder.
        tell: Gets a line for each fold.

    Returns:
        The folder of each fold's new training part; none if the recipe asks for nothing.

    Raises:
        DataError: If there is no room for so many objects, or an image cannot be read.
        ResourceError: If a process died, as for want of memory.
    """
    settings = recipe.data.copy_paste
    if settings is None:
        return {}
    data = ray.put(TrainingData(prepared.train, prepared.test, prepared.folds))
    task: Any = ray.remote(_paste)
    folders = {fold: paths.copy_paste(fold).absolute() for fold in folds}
    running = {
        task.remote(data, settings, fold, paste_seed(recipe, fold), _key(recipe, prepared, fold), folder): fold
        for fold, folder in folders.items()
    }
    while running:
        (reference,), _ = ray.wait(list(running), num_returns=1)
        fold = running.pop(reference)
        tell(_line(fold, _result(reference, fold)))
    return folders


def paste_seed(recipe: Recipe, fold: Fold) -> int:
    """The seed of a fold's copy-paste."""
    return seed_for(recipe.seed, f"copy-paste {fold}")


def _paste(data: TrainingData, settings: CopyPaste, fold: Fold, seed: int, key: str, folder: Path) -> Additions:
    """Runs in a process of its own."""
    train, _ = data.fold(fold)
    return ensure_pasted(train, settings, seed, key, folder)


def _key(recipe: Recipe, prepared: PreparedData, fold: Fold) -> str:
    assert recipe.data.copy_paste is not None
    decisive = {
        "data": prepared.digest,
        "settings": recipe.data.copy_paste.model_dump(mode="json"),
        "fold": fold,
        "seed": recipe.seed,
        "versions": library_versions(),
    }
    return digest(decisive)


def _result(reference: "ray.ObjectRef[Additions]", fold: Fold) -> Additions:
    try:
        return ray.get(reference)
    except RecycleError as error:
        raise (error.cause if isinstance(error, RayTaskError) else error) from None
    except RayTaskError:
        raise  # a mistake of ours, whose traceback tells more than we could
    except RayError as error:
        raise ResourceError(
            f"copy-paste for {_named(fold)}: its process died, as for want of memory: {error}"
        ) from None


def _line(fold: Fold, additions: Additions) -> str:
    added = ", ".join(f"{count} {name}" for name, count in additions.added.items())
    lacking = f"; no object to paste: {', '.join(additions.without_objects)}" if additions.without_objects else ""
    return f"Copy-paste, {_named(fold)}: added {added or 'nothing'}{lacking}"


def _named(fold: Fold) -> str:
    return "all images" if fold == "all" else f"fold {fold}"
