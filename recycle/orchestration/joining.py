"""The ensemble that candidates of a training search shall join, read from the folder of its run."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from recycle.data.prepare import PreparedData
from recycle.errors import ResumeError
from recycle.fusion.joining import JoiningGain
from recycle.fusion.pixel_joining import PixelJoiningGain
from recycle.fusion.settings import settings_of
from recycle.fusion.voting_objective import voting_of
from recycle.orchestration.plan import digest
from recycle.orchestration.round_records import kept_rounds
from recycle.orchestration.run_contents import RunContents, read_run
from recycle.predictions.parquet import read_parquet
from recycle.recipe import SMP, Recipe

Joining = Callable[[Path], float]
"""Gives what an ensemble gains by a file of a candidate's predictions."""


def read_joining(recipe: Recipe, prepared: PreparedData) -> Joining | None:
    """The ensemble that candidates shall join, if the recipe names one.

    Raises:
        ResumeError: If there is no finished run in its folder, or it has another task, other data or folds, or label
            maps of another size.
    """
    if not recipe.search.ensemble:
        return None
    run = read_run(Path(recipe.search.ensemble))
    if run.recipe.task != recipe.task:
        raise ResumeError(f"search.ensemble {run.paths.root}: its task is {run.recipe.task}, not {recipe.task}")
    if run.study is None:
        raise ResumeError(f"search.ensemble {run.paths.root}: its run has not finished")
    if run.prepared.digest != prepared.digest:
        raise ResumeError(
            f"search.ensemble {run.paths.root}: its data or folds are not those of this search "
            f"(digest {run.prepared.digest} instead of {prepared.digest})"
        )
    return _joining_pixels(run, recipe) if recipe.task == "segmentation" else _joining_boxes(run, recipe)


def ensemble_digest(recipe: Recipe) -> str:
    """Digest of what decides the gains of joining the ensemble that a recipe names; empty if it names none.

    Raises:
        ResumeError: If there is no run in its folder.
    """
    if not recipe.search.ensemble:
        return ""
    run = read_run(Path(recipe.search.ensemble))
    kept = kept_rounds(run.paths)
    return digest([run.study and run.study["parameters"], [m.key for m in run.members if m.round_index in kept]])


def _joining_boxes(run: RunContents, recipe: Recipe) -> Joining:
    assert run.study is not None
    assert run.model_oof is not None
    assert recipe.search_metric != "miou"
    settings = settings_of(run.study["parameters"], run.model_oof.models)
    prepared = run.prepared
    gain = JoiningGain(run.model_oof, prepared.train, prepared.folds, settings, recipe.search_metric)
    return partial(_gain_by_boxes, gain)


def _gain_by_boxes(gain: JoiningGain, candidate: Path) -> float:
    return gain(read_parquet(candidate))


def _joining_pixels(run: RunContents, recipe: Recipe) -> Joining:
    assert run.study is not None
    sizes = {model.label_map_size for model in (*run.recipe.models, *recipe.models) if isinstance(model, SMP)}
    if len(sizes) > 1:
        raise ResumeError(
            f"search.ensemble {run.paths.root}: its label_map_size must be that of this search, but they are {sizes}"
        )
    files: dict[str, tuple[Path, ...]] = {}
    kept = kept_rounds(run.paths)
    for member in run.members:
        if member.oof is not None and member.round_index in kept:
            files[member.model] = (*files.get(member.model, ()), run.paths.root / member.oof)
    settings = voting_of(run.study["parameters"], tuple(files))
    return PixelJoiningGain(files, run.prepared.train, run.prepared.folds, settings)
