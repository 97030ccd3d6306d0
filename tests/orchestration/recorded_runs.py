"""Run folders as training leaves them, without any training: data, ledger, predictions, results."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from recycle.data.coco import Dataset
from recycle.data.folds import make_folds
from recycle.data.json_files import write_json
from recycle.data.prepare import PreparedData, write_prepared
from recycle.evaluation.detection import evaluate
from recycle.fusion.ensemble import ENSEMBLE
from recycle.orchestration.ledger import FinishedMember, Ledger
from recycle.orchestration.open_run import RunOrigin
from recycle.paths import RunPaths
from recycle.predictions.parquet import write_parquet
from recycle.predictions.values import Predictions
from recycle.recipe import Recipe
from recycle.recipe_yaml import write_recipe
from tests.recipes import example_recipe

FOLDS = 2


def begin_run(root: Path, truth: Dataset, recipe: Recipe | None = None) -> RunPaths:
    """Writes the recipe and the data, each image a group of its own."""
    paths, groups = RunPaths(root), np.arange(len(truth.images))
    test = Dataset(truth.folder, truth.categories, (), ())
    folds = make_folds(truth, groups, FOLDS, seed=0)
    write_recipe(recipe or example_recipe(), paths.recipe)
    write_prepared(PreparedData(truth, test, folds, False, {}, groups, "digest"), paths)
    write_json(asdict(RunOrigin(str(truth.folder), "digest")), paths.origin)
    write_json({"counts": {}, "findings": []}, paths.validation)
    return paths


def train_model(paths: RunPaths, truth: Dataset, model: str, predictions: Predictions) -> None:
    """Records a model whose members predicted their folds and no test image."""
    folds = make_folds(truth, np.arange(len(truth.images)), FOLDS, seed=0)
    for fold in range(FOLDS):
        ids = [image.id for image in truth.images if folds.assignment[image.file_name] == fold]
        record_member(paths, model, fold, predictions.of_images(ids).renamed(model))


def record_member(paths: RunPaths, model: str, fold: int, oof: Predictions) -> FinishedMember:
    """Writes a member's predictions and enters it into the ledger."""
    name = f"{model}-fold{fold}"
    files = paths.predictions(0, "oof", name), paths.predictions(0, "test", name)
    write_parquet(oof, files[0])
    write_parquet(Predictions.empty((model,), (np.zeros(0, np.int64),)), files[1])
    oof_file, test_file = (str(file.relative_to(paths.root)) for file in files)
    entry = FinishedMember(name, 0, name, model, fold, oof_file, test_file, "nowhere", 60.0, 1, "here")
    Ledger(paths.ledger).append(entry)
    return entry


def finish_run(paths: RunPaths, truth: Dataset, ensemble: Predictions, models: Mapping[str, Predictions]) -> None:
    """Writes the ensemble's predictions, and as much of the results as is looked at."""
    write_parquet(ensemble.renamed(ENSEMBLE), paths.predictions(0, "oof", ENSEMBLE))
    scores = {name: {"oof": evaluate(truth, one).to_json()} for name, one in models.items()}
    results = {"ensemble": {"oof": evaluate(truth, ensemble).to_json()}, "models": scores, "failed": {}}
    write_json(results, paths.results)
