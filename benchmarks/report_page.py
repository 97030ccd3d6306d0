"""Measures the report of a large run: time to write, size, and time until a browser shows it.

    python benchmarks/report_page.py --models 13 --folds 2 --images 4871 --boxes 100

Objects, predictions and scores are drawn at random. The browser is a Chromium, where there is one.
"""

import argparse
import os
import shutil
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from drawn_boxes import draw_predictions, draw_truth, folds_for, sizes_of
from playwright.sync_api import sync_playwright

from recycle.data.coco import Dataset
from recycle.data.folds import Folds
from recycle.data.json_files import write_json
from recycle.data.prepare import PreparedData, write_prepared
from recycle.evaluation.detection import ClassScores, DetectionScores
from recycle.fusion.ensemble import ENSEMBLE
from recycle.fusion.methods import FusionSettings, fuse_by
from recycle.orchestration.ledger import FinishedMember, Ledger
from recycle.orchestration.report import write_report
from recycle.paths import RunPaths
from recycle.predictions.parquet import write_parquet
from recycle.predictions.values import Predictions
from recycle.recipe_yaml import write_recipe
from tests.orchestration.drawn_runs import made_up_study, recipe_of

TEST_IMAGES = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("models", 13), ("folds", 2), ("images", 4871), ("boxes", 100)):
        parser.add_argument(f"--{name}", type=int, default=default)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = RunPaths(Path(folder) / "run")
        _draw_run(paths, arguments.models, arguments.folds, arguments.images, arguments.boxes)
        members = arguments.models * arguments.folds
        print(f"{members} members, {arguments.images} images, {arguments.boxes} boxes an image and model")
        began, worked = time.perf_counter(), time.process_time()
        page = write_report(paths.root)
        wall, work = time.perf_counter() - began, time.process_time() - worked
        print(f"written in {wall:.1f} s, {work:.1f} s of the processor, {page.stat().st_size / 1e6:.1f} MB")
        _open(page)


def _draw_run(paths: RunPaths, models: int, folds: int, images: int, boxes: int) -> None:
    recipe = recipe_of([f"model-{number}" for number in range(models)], folds)
    truth, test = _with_photographs(draw_truth(images), paths), draw_truth(TEST_IMAGES, seed=1)
    test = Dataset(truth.folder, test.categories, test.images, test.annotations)
    assignment = {name: fold % folds for name, fold in folds_for(truth).assignment.items()}
    counts = {name: [1] * folds for name in truth.class_names}
    prepared = PreparedData(truth, test, Folds(folds, assignment, counts, {}), True, {}, np.arange(images), "drawn")
    write_recipe(recipe, paths.recipe)
    write_prepared(prepared, paths)
    write_json({"data": str(truth.folder), "digest": "drawn"}, paths.origin)
    write_json({"counts": {}, "findings": []}, paths.validation)
    oof = draw_predictions(truth, models, boxes).renamed(*(model.name for model in recipe.models))
    for model in recipe.models:
        for fold in range(folds):
            _record(paths, model.name, fold, oof.of_model(model.name).of_images(_of_fold(prepared, fold)))
    write_parquet(fuse_by(oof, sizes_of(truth), FusionSettings(), ENSEMBLE), paths.predictions(0, "oof", ENSEMBLE))
    write_parquet(draw_predictions(test, 1, boxes, seed=2).renamed(ENSEMBLE), paths.predictions(0, "test", ENSEMBLE))
    write_json(made_up_study(oof.models).to_json(), paths.fusion_study)
    write_json(_results(truth, oof.models, folds), paths.results)


def _with_photographs(truth: Dataset, paths: RunPaths) -> Dataset:
    """One photograph under every name."""
    folder = paths.root.parent / "images"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    first = folder / "photograph.jpg"
    cv2.imwrite(str(first), cv2.resize(pixels, (truth.images[0].width, truth.images[0].height)))
    for image in truth.images:
        (folder / image.file_name).hardlink_to(first)
    return Dataset(folder, truth.categories, truth.images, truth.annotations)


def _of_fold(prepared: PreparedData, fold: int) -> list[int]:
    return [image.id for image in prepared.train.images if prepared.folds.assignment[image.file_name] == fold]


def _record(paths: RunPaths, model: str, fold: int, oof: Predictions) -> None:
    name = f"{model}-fold{fold}"
    files = paths.predictions(0, "oof", name), paths.predictions(0, "test", name)
    write_parquet(oof, files[0])
    write_parquet(Predictions.empty((model,), (np.zeros(0, np.int64),)), files[1])
    oof_file, test_file = (str(file.relative_to(paths.root)) for file in files)
    Ledger(paths.ledger).append(
        FinishedMember(name, 0, name, model, fold, oof_file, test_file, "nowhere", 3600.0, 1, "here")
    )


def _results(truth: Dataset, models: tuple[str, ...], folds: int) -> dict[str, object]:
    classes = {name: ClassScores(0.5, 0.3) for name in truth.class_names}
    scores = {"oof": DetectionScores(0.5, 0.3, 0.3, 0.1, 0.3, 0.5, classes, len(truth.images)).to_json()}
    return {
        "models": dict.fromkeys(models, scores),
        "members": {f"{model}-fold{fold}": scores for model in models for fold in range(folds)},
        "ensemble": scores,
        "failed": {},
    }


def _open(page: Path) -> None:
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        print("no Chromium to open it with")
        return
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        browser.new_page().goto("about:blank")
        for attempt in ("first", "second"):
            shown = browser.new_page()
            clock = shown.context.new_cdp_session(shown)
            clock.send("Performance.enable", {"timeDomain": "threadTicks"})
            began = time.perf_counter()
            shown.goto(page.as_uri())
            shown.wait_for_selector("#plot-scores .main-svg")
            wall = time.perf_counter() - began
            metrics = {one["name"]: one["value"] for one in clock.send("Performance.getMetrics")["metrics"]}
            print(f"opened in {wall:.2f} s, {metrics['TaskDuration']:.2f} s of the processor ({attempt} time)")
        browser.close()


if __name__ == "__main__":
    main()
