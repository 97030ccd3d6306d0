"""Copy-paste in a whole run on real Ray."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recycle.data.coco import Dataset, read_coco, write_coco
from recycle.data.copy_paste_folder import RECORD
from recycle.data.folds import Folds, read_folds
from recycle.paths import RunPaths
from recycle.predictions.parquet import read_parquet
from recycle.recipe import Fold
from tests.data.copy_paste_scenes import Picture, Shape, colour_of, pixels_of, write_pictures
from tests.orchestration.job import train_tiny

pytestmark = pytest.mark.training

ADDED = {"Battery": 6, "Clothing": 4}
MODEL = {
    "name": "one",
    "family": "yolov5",
    "size": "tiny",
    "pretrained": "none",
    "image_size": 96,
    "epochs": 1,
    "batch_size": 4,
    "folds": [0, 1, "all"],
}
EXACT = {"min_scale": 1, "max_scale": 1, "blending": ["none"], "min_area": 1}
FOLDS: list[Fold] = [0, 1, "all"]


def changes(**copy_paste: Any) -> list[str]:
    content = {"additions": ADDED, **EXACT, **copy_paste}
    return [f"data.copy_paste={json.dumps(content)}", f"models={json.dumps([MODEL])}", "fusion.trials=2"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures in which each object has a colour of its own: papers in all, a battery or clothes in some."""
    folder = tmp_path_factory.mktemp("data") / "scenes"
    rng = np.random.default_rng(0)
    scenes = []
    for number in range(20):
        labels = (0, 1 + number % 2) if number % 3 else (0,)
        places = rng.integers(0, [[70, 20], [70, 60]][: len(labels)]).tolist()
        shapes = tuple(
            Shape(label, left, top + 44 * below, 20, 14)
            for below, (label, (left, top)) in enumerate(zip(labels, places, strict=True))
        )
        scenes.append(Picture(96, 128, shapes))
    dataset = write_pictures(folder, scenes)
    write_coco(dataset, folder / "annotations.json")
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, data: Path) -> tuple[RunPaths, str]:
    """A run with copy-paste, and what it printed."""
    paths = RunPaths(tmp_path_factory.mktemp("pasted") / "run")
    output, _ = train(paths, data)
    return paths, output


def train(paths: RunPaths, data: Path, *arguments: str) -> tuple[str, str]:
    process = train_tiny(paths.root, "--data", str(data), *arguments, changes=changes(), is_demo=False)
    output, errors = process.communicate(timeout=600)
    assert process.returncode == 0, output + errors
    return output, errors


def parts(paths: RunPaths, data: Path, fold: Fold) -> tuple[Dataset, Dataset]:
    """The training part that a fold's members had, and the whole data set."""
    folder = paths.copy_paste(fold)
    return read_coco(folder / "annotations.json", folder), read_coco(paths.train, data)


@pytest.mark.parametrize("fold", FOLDS)
def test_nothing_pasted_comes_from_outside_of_the_training_part(
    run: tuple[RunPaths, str], data: Path, fold: Fold
) -> None:
    paths, _ = run
    pasted, whole = parts(paths, data, fold)
    folds = read_folds(paths.folds)
    inside = {image.id for image in whole.images if folds.assignment[image.file_name] != fold}
    assert {image.id for image in pasted.images} == inside

    originals = {each.id for each in whole.annotations if each.image_id in inside}
    shown: set[tuple[int, int, int]] = set()
    for image in pasted.images:
        pixels = pixels_of(pasted, image).reshape(-1, 3)
        shown |= set(map(tuple, pixels[pixels[:, 1] > 60].tolist()))
    assert shown == set(map(colour_of, originals))
    assert len({each.id for each in pasted.annotations} - originals) == sum(ADDED.values())


def test_what_was_added_is_told_and_recorded(run: tuple[RunPaths, str]) -> None:
    paths, output = run
    for fold, name in zip(FOLDS, ("fold 0", "fold 1", "all images"), strict=True):
        assert f"Copy-paste, {name}: added 6 Battery, 4 Clothing\n" in output
        assert json.loads((paths.copy_paste(fold) / RECORD).read_text())["added"] == ADDED


def test_validation_and_out_of_fold_images_are_the_originals(run: tuple[RunPaths, str], data: Path) -> None:
    paths, _ = run
    whole = read_coco(paths.train, data)
    assert whole.annotations == of_images(read_coco(data / "annotations.json", data), whole).annotations
    folds: Folds = read_folds(paths.folds)
    for fold in (0, 1):
        covered = read_parquet(paths.predictions(0, "oof", f"one-fold{fold}")).coverage[0].tolist()
        assert covered == sorted(image.id for image in whole.images if folds.assignment[image.file_name] == fold)


def test_resuming_keeps_what_is_whole_and_makes_again_what_is_not(run: tuple[RunPaths, str], data: Path) -> None:
    paths, _ = run
    results = paths.results.read_bytes()
    kept, broken = paths.copy_paste(0), paths.copy_paste(1)
    before = {path: path.lstat().st_mtime_ns for path in kept.rglob("*")}
    content = contents(broken)
    (broken / RECORD).unlink()
    next(broken.rglob("*.png")).unlink()
    paths.ledger.unlink()

    output, _ = train(paths, data, "--resume")
    assert {path: path.lstat().st_mtime_ns for path in kept.rglob("*")} == before
    assert contents(broken) == content
    assert len(re.findall("Copy-paste, ", output)) == 3
    assert paths.results.read_bytes() == results


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"additions": {"Glas": 1}}, "must name classes of the data set, Paper, Battery, Clothing, but got 'Glas'"),
        (
            {"additions": {"Battery": 300}, "max_hidden": 0},
            "copy-paste of class 'Battery': 200 attempts found no place",
        ),
    ],
)
def test_what_cannot_be_done_is_told_before_training(
    tmp_path: Path, data: Path, settings: dict[str, Any], expected: str
) -> None:
    paths = RunPaths(tmp_path / "run")
    process = train_tiny(paths.root, "--data", str(data), changes=changes(**settings), is_demo=False)
    _, errors = process.communicate(timeout=600)
    assert process.returncode == 2, errors
    assert expected in errors
    assert "Traceback" not in errors
    assert not (paths.root / "round0").exists()


def of_images(dataset: Dataset, others: Dataset) -> Dataset:
    return dataset.subset(image.id for image in others.images)


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
