"""Reading back what a finished run, or an export of one, can predict with."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recycle.data.coco import read_coco
from recycle.data.json_files import read_json
from recycle.errors import DataError, ResumeError, WeightsError
from recycle.inference.export import is_export, read_export
from recycle.inference.trained import TrainedEnsemble, TrainedMember
from recycle.orchestration.ledger import FinishedMember, read_latest
from recycle.orchestration.member_names import member_names
from recycle.orchestration.run_storage import stored_run
from recycle.paths import RunPaths
from recycle.recipe_yaml import load_recipe
from recycle.storage import StoredRun


def read_ensemble(folder: Path) -> TrainedEnsemble:
    """Reads a run folder or an exported ensemble.

    Raises:
        ResumeError: If the folder holds neither, or its run has not finished.
        WeightsError: If a member's weights are missing or, in an export, damaged; names the file.
        DataError: If a file of the folder cannot be read.
    """
    return read_export(folder) if is_export(folder) else _read_run(RunPaths(folder.absolute()))


def _read_run(paths: RunPaths) -> TrainedEnsemble:
    if not paths.recipe.is_file():
        raise ResumeError(f"{paths.root}: there is neither a run nor an exported ensemble in this folder")
    if not paths.results.is_file():
        raise ResumeError(
            f"{paths.root}: this run has not finished, as {paths.results.name} is missing; continue it with --resume"
        )
    results = _results(paths.results)
    # Not all are among its scored members: those trained on all images were never scored.
    recipe, finished = load_recipe(str(paths.recipe)), read_latest(paths.ledger)
    names = [name for name in member_names(recipe, paths.begun_rounds) if name in finished]
    names = [name for name in names if name not in results["failed"]]
    entries = [finished[name] for name in names]
    if not entries:
        raise ResumeError(f"{paths.root}: none of its members finished, as {paths.ledger.name} says")
    stored = stored_run(recipe, paths)
    return TrainedEnsemble(
        recipe=recipe,
        categories=read_coco(paths.train, paths.root).categories,
        members=tuple(
            _member(entry, paths.root, stored)
            for model in results["models"]
            for entry in entries
            if entry.model == model
        ),
        fusion=results["fusion"],
    )


def _results(path: Path) -> Mapping[str, Any]:
    document = read_json(path)
    if not isinstance(document, dict) or not document.keys() >= {"models", "failed", "fusion"}:
        raise DataError(f"{path}: not the results of a run, which name models, failed members and fusion settings")
    return document


def _member(entry: FinishedMember, root: Path, stored: StoredRun | None) -> TrainedMember:
    weights = root / entry.checkpoint
    if not weights.is_file() and not (stored and stored.storage.fetch(entry.checkpoint, weights)):
        raise WeightsError(f"{weights}: the checkpoint of {entry.member} is missing")
    return TrainedMember(entry.member, entry.model, weights)
