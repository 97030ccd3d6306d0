"""Folders of finished runs, written without any training: drawn images, noisy predictions, made-up studies."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from recycle.data.coco import Dataset
from recycle.data.json_files import read_json, write_json
from recycle.data.prepare import PreparedData, prepare_data, write_prepared
from recycle.data.synthetic import write_synthetic
from recycle.evaluation.agreement import Agreement
from recycle.evaluation.bootstrap import Interval
from recycle.evaluation.comparison import Comparison, Rating
from recycle.fusion.contributions import Growth
from recycle.fusion.ensemble import ENSEMBLE, MemberPredictions, fuse_ensemble, fuse_members, pool_out_of_fold
from recycle.fusion.response import Response
from recycle.fusion.selection import Selection
from recycle.fusion.settings import DEFAULTS, parameters_of
from recycle.orchestration.ledger import FinishedMember, Ledger
from recycle.paths import RunPaths
from recycle.predictions.parquet import write_parquet
from recycle.predictions.values import Predictions
from recycle.recipe import Recipe
from recycle.recipe_yaml import write_recipe
from recycle.report.ensemble import DEFAULT_FUSION, TUNED_FUSION, EnsembleStudy, Worth
from recycle.report.scoring import score_run
from tests.recipes import example_content

ODD_CLASSES = ("<b>Glas & Co</b>", "\"Papier\" 'x'", "종이팩", "🧴 Flasche", "</script><script>alert(1)</script>")
ODD_FILE = "<img src=x onerror=alert(1)> '\" 종이 🧴.jpg"


def recipe_of(models: Sequence[str], folds: int = 2) -> Recipe:
    """Small detectors of one family."""
    content = example_content()
    _, example = content["models"]
    content["models"] = [{**example, "name": name} for name in models]
    content["data"]["folds"] = folds
    return Recipe.model_validate(content)


def write_drawn_run(root: Path, recipe: Recipe, *, images: int = 24, odd: bool = False) -> RunPaths:
    """Writes a finished run on drawn images.

    Args:
        root: The run folder.
        recipe: Its recipe.
        images: How many are drawn, of 96 x 96 pixels.
        odd: Whether the names of classes and of the first file look like markup.
    """
    paths = RunPaths(root)
    write_synthetic(paths.sample, images=images, image_size=96, seed=0)
    if odd:
        _rename(paths.sample)
    write_recipe(recipe, paths.recipe)
    prepared = prepare_data(recipe.data, recipe.seed, paths.sample, paths)
    write_prepared(prepared, paths)
    write_json({"data": "", "digest": prepared.digest}, paths.origin)
    finish_drawn_run(paths, recipe, prepared, _members(recipe, prepared))
    return paths


def finish_drawn_run(
    paths: RunPaths, recipe: Recipe, prepared: PreparedData, members: Sequence[MemberPredictions]
) -> None:
    """Writes predictions, ledger, results and study."""
    for fold, member in enumerate(members):
        _record(paths, member, fold % prepared.folds.count)
    oof = pool_out_of_fold(members)
    test = fuse_members(members, oof.models, prepared.test)
    ensemble = fuse_ensemble(oof, test, prepared.train, prepared.test, prepared.folds, DEFAULTS)
    write_parquet(ensemble.oof, paths.predictions(0, "oof", ENSEMBLE))
    write_parquet(ensemble.test, paths.predictions(0, "test", ENSEMBLE))
    study = made_up_study(oof.models)
    write_json(study.to_json(), paths.fusion_study)
    write_json(score_run(recipe, prepared, members, ensemble, study, {}).to_json(), paths.results)
    logs = paths.member(0, members[0].member) / "20260101_000000" / "vis_data"
    logs.mkdir(parents=True)
    lines = [{"loss": 4.0 / epoch, "lr": 0.001, "epoch": epoch, "step": epoch} for epoch in range(1, 13)]
    logs.joinpath("scalars.json").write_text("\n".join(map(json.dumps, [*lines, {"map50": 0.5, "step": 12}])))


def noisy(truth: Dataset, name: str, seed: int, pixels: float = 2.0) -> Predictions:
    """What a fair detector finds: moved boxes, some of another class, and each once more where nothing is."""
    rng, objects = np.random.default_rng(seed), truth.boxes()
    ids = np.concatenate([objects.image_ids, objects.image_ids])
    corners = np.concatenate([objects.boxes + rng.normal(0, pixels, objects.boxes.shape), objects.boxes[::-1]])
    side = min(image.width for image in truth.images)
    low = np.clip(np.minimum(corners[:, :2], corners[:, 2:]), 0, side - 2)
    high = np.clip(np.maximum(corners[:, :2], corners[:, 2:]), low + 1, side)
    labels = np.concatenate([objects.labels, rng.permutation(objects.labels)])
    labels = np.where(rng.random(len(labels)) < 0.1, rng.integers(0, len(truth.categories), len(labels)), labels)
    scores = np.concatenate([rng.beta(5, 2, len(objects)), rng.beta(1, 5, len(objects))])
    return Predictions(
        image_ids=ids,
        model_ids=np.zeros(len(ids), np.int32),
        boxes=np.concatenate([low, high], axis=1).astype(np.float32),
        scores=scores.astype(np.float32),
        labels=labels.astype(np.int32),
        models=(name,),
        coverage=(np.array(sorted(image.id for image in truth.images), np.int64),),
    )


def made_up_study(models: Sequence[str]) -> EnsembleStudy:
    """Numbers that are possible."""
    count, rng = len(models), np.random.default_rng(0)
    alike = rng.uniform(0.2, 0.8, (count, count))
    scores = {name: 0.5 + place / 100 for place, name in enumerate([*models, DEFAULT_FUSION, TUNED_FUSION])}
    ratings = {name: Rating(score, Interval(score - 0.03, score + 0.03), 20) for name, score in scores.items()}
    worth = Worth(ratings, [Comparison(TUNED_FUSION, models[-1], 0.02, Interval(0.01, 0.03))])
    return EnsembleStudy(
        metric="map50",
        parameters=parameters_of(DEFAULTS, models),
        trials=[{"iou_thr": 0.5, "score": 0.5}, {"iou_thr": 0.6, "score": 0.55}],
        selection=Selection(tuple(models), tuple(0.5 + place / 50 for place in range(count)), DEFAULTS),
        pooled=worth,
        held_out=worth,
        agreement=Agreement(tuple(models), (0.3,) * count, (alike + alike.T) / 2, (alike + alike.T) / 3),
        leave_one_out={name: 0.01 * place for place, name in enumerate(models)},
        growth=Growth(tuple(0.5 + n / 50 for n in range(count)), (0.01,) * count, 0.02, 0.01),
        responses={name: Response((0.1, 0.2, 0.3), (0.4, 0.5, 0.45)) for name in ("iou_thr", "skip_box_thr")},
    )


def _members(recipe: Recipe, prepared: PreparedData) -> list[MemberPredictions]:
    return [
        MemberPredictions(
            f"{model.name}-fold{fold}",
            model.name,
            noisy(_of_fold(prepared, fold), model.name, seed=place),
            noisy(prepared.test, model.name, seed=place + 100),
        )
        for place, model in enumerate(recipe.models)
        for fold in range(prepared.folds.count)
    ]


def _of_fold(prepared: PreparedData, fold: int) -> Dataset:
    train = prepared.train
    return train.subset(image.id for image in train.images if prepared.folds.assignment[image.file_name] == fold)


def _record(paths: RunPaths, member: MemberPredictions, fold: int) -> None:
    oof, test = paths.predictions(0, "oof", member.member), paths.predictions(0, "test", member.member)
    assert member.oof is not None
    write_parquet(member.oof, oof)
    write_parquet(member.test, test)
    oof_file, test_file = (str(file.relative_to(paths.root)) for file in (oof, test))
    Ledger(paths.ledger).append(
        FinishedMember(
            member.member, 0, member.member, member.model, fold, oof_file, test_file, "nowhere", 60.0, 1, "here"
        )
    )


def _rename(folder: Path) -> None:
    document = read_json(folder / "annotations.json")
    assert isinstance(document, dict)
    for category, name in zip(document["categories"], ODD_CLASSES, strict=False):
        category["name"] = name
    first = document["images"][0]
    (folder / first["file_name"]).rename(folder / ODD_FILE)
    first["file_name"] = ODD_FILE
    write_json(document, folder / "annotations.json")
