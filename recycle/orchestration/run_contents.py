"""What a run folder holds, read back for those who only look at it, whether or not the run has finished."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recycle.data.json_files import read_object
from recycle.data.prepare import PreparedData, read_prepared
from recycle.errors import DataError, ResumeError
from recycle.fusion.ensemble import ENSEMBLE
from recycle.orchestration.ledger import FinishedMember, read_latest
from recycle.orchestration.member_names import member_names
from recycle.orchestration.open_run import recorded_folder, require_run
from recycle.orchestration.round_records import kept_rounds, read_rounds
from recycle.paths import RunPaths
from recycle.predictions.parquet import read_parquet
from recycle.predictions.values import Predictions, concatenate
from recycle.recipe import Recipe
from recycle.recipe.settings import main_score
from recycle.recipe_yaml import load_recipe
from recycle.report.rounds import RoundReport


@dataclass(frozen=True)
class RunContents:
    """A run as far as it has come.

    Attributes:
        paths: Its folder.
        recipe: Its recipe.
        prepared: Its data.
        results: The document `results.json`; None before the run has finished.
        study: The document `fusion.json`, likewise.
        members: The members that are finished and whose predictions are there, of all rounds that have begun.
        rounds: The rounds of pseudo labels that have begun.
        model_oof: Out-of-fold predictions of the models of all rounds that were kept, each pooled over its finished
            members; None if there are none, as where pixels are labelled.
        ensemble_oof: Those of the ensemble; None before the run has finished.
    """

    paths: RunPaths
    recipe: Recipe
    prepared: PreparedData
    results: dict[str, Any] | None
    study: dict[str, Any] | None
    members: tuple[FinishedMember, ...]
    rounds: tuple[RoundReport, ...]
    model_oof: Predictions | None
    ensemble_oof: Predictions | None

    def oof_scores(self) -> dict[str, float | None]:
        """Pooled out-of-fold mAP50, or mIoU, of the ensemble and of each model; empty before the run has finished.

        Raises:
            DataError: If the results are not those of a run.
        """
        if self.results is None:
            return {}
        try:
            parts = {ENSEMBLE: self.results["ensemble"], **self.results["models"]}
            return {name: main_score(one["oof"]) for name, one in parts.items()}
        except (KeyError, TypeError) as error:
            raise DataError(f"{self.paths.results}: not the results of a run: {error!r}") from None


def read_run(root: Path) -> RunContents:
    """Reads a run folder without changing anything in it.

    Raises:
        ResumeError: If there is no run in it, or its data are not prepared yet.
        DataError: If a file of the folder cannot be read.
    """
    paths = RunPaths(root)
    require_run(paths)
    if not paths.prepared.is_file():
        raise ResumeError(f"{root}: this run has not prepared its data yet, as data/{paths.prepared.name} is missing")
    recipe = load_recipe(str(paths.recipe.absolute()))
    members = _members(recipe, paths)
    kept = kept_rounds(paths)
    ensemble = paths.predictions(0, "oof", ENSEMBLE)
    return RunContents(
        paths=paths,
        recipe=recipe,
        prepared=read_prepared(recorded_folder(paths), paths),
        results=read_object(paths.results) if paths.results.is_file() else None,
        study=read_object(paths.fusion_study) if paths.fusion_study.is_file() else None,
        members=members,
        rounds=read_rounds(paths),
        model_oof=_pooled([one for one in members if one.round_index in kept], root)
        if recipe.task == "detection"
        else None,
        ensemble_oof=read_parquet(ensemble) if ensemble.is_file() else None,
    )


def _members(recipe: Recipe, paths: RunPaths) -> tuple[FinishedMember, ...]:
    """In the order of the recipe: the ledger has them as they finished."""
    latest = read_latest(paths.ledger)
    entries = [latest[name] for name in member_names(recipe, paths.begun_rounds) if name in latest]
    return tuple(one for one in entries if all((paths.root / file).is_file() for file in (one.oof, one.test) if file))


def _pooled(members: Sequence[FinishedMember], root: Path) -> Predictions | None:
    parts = [read_parquet(root / one.oof) for one in members if one.oof]
    return concatenate(parts) if parts else None
