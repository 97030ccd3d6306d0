import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recycle.data.coco import Category, Dataset, write_coco
from recycle.errors import RecycleError
from recycle.orchestration.finished_run import read_ensemble
from recycle.orchestration.ledger import FinishedMember, Ledger
from recycle.orchestration.round_records import LabelsRecord, write_labels_record
from recycle.paths import RunPaths
from recycle.recipe import Recipe
from recycle.recipe_yaml import write_recipe
from recycle.report.rounds import OWN_ENSEMBLE, LabelsReport
from tests.recipes import example_content, example_recipe

CATEGORIES = (Category(4, "Paper"), Category(2, "Glass"))


def finish(paths: RunPaths, member: str, model: str, key: str = "key", checkpoint: str = "last.pth") -> None:
    """Enters a member into the ledger, with a checkpoint that holds nothing."""
    path = paths.member(0, member) / checkpoint
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    entry = FinishedMember(
        key=key + member,
        round_index=0,
        member=member,
        model=model,
        fold=0,
        oof="nowhere",
        test="nowhere",
        checkpoint=str(path.relative_to(paths.root)),
        seconds=1.0,
        attempts=1,
        host="a",
    )
    Ledger(paths.ledger).append(entry)


def recipe() -> Recipe:
    """The example, whose first model is trained on all images too."""
    first, second = example_content()["models"]
    return example_recipe(models=[{**first, "folds": [0, "all"]}, second])


@pytest.fixture
def paths(tmp_path: Path) -> RunPaths:
    """A finished run of two models, whose members finished in no order, and one of them again."""
    paths = RunPaths(tmp_path / "run")
    write_recipe(recipe(), paths.recipe)
    write_coco(Dataset(tmp_path, CATEGORIES, (), ()), paths.train)
    for member in ("yolov5-fold1", "cascade-rcnn-all", "cascade-rcnn-fold1", "cascade-rcnn-fold0", "yolov5-fold0"):
        finish(paths, member, member.rpartition("-")[0], checkpoint="first.pth")
    finish(paths, "yolov5-fold1", "yolov5", key="other")
    results: dict[str, Any] = {
        "models": {"cascade-rcnn": {}, "yolov5": {}},
        "failed": {"yolov5-fold0": "its loss became NaN"},
        "fusion": {"iou_thr": 0.4, "weights": [1, 2]},
    }
    paths.results.write_text(json.dumps(results))
    return paths


def test_members_are_those_of_the_recipe_in_its_order_that_finished_last(paths: RunPaths) -> None:
    ensemble = read_ensemble(paths.root)
    assert [(member.name, member.model, member.weights.name) for member in ensemble.members] == [
        ("cascade-rcnn-fold0", "cascade-rcnn", "first.pth"),
        ("cascade-rcnn-all", "cascade-rcnn", "first.pth"),
        ("yolov5-fold1", "yolov5", "last.pth"),
    ]
    assert ensemble.models == ("cascade-rcnn", "yolov5")


def test_recipe_classes_and_fusion_are_the_runs(paths: RunPaths) -> None:
    ensemble = read_ensemble(paths.root)
    assert ensemble.recipe == recipe()
    assert ensemble.categories == CATEGORIES
    assert ensemble.fusion == {"iou_thr": 0.4, "weights": [1, 2]}
    assert all(member.weights.is_file() and member.weights.is_absolute() for member in ensemble.members)


def test_members_of_kept_rounds_predict_with_the_settings_of_their_model(paths: RunPaths) -> None:
    for round_index in (1, 2):
        finish(paths, f"yolov5@{round_index}-fold1", f"yolov5@{round_index}")
        report = LabelsReport(OWN_ENSEMBLE, {})
        write_labels_record(LabelsRecord("key", {}, "", report), paths, round_index)
    results = json.loads(paths.results.read_text())
    results["models"] = {"yolov5": {}, "yolov5@2": {}}
    paths.results.write_text(json.dumps(results))
    ensemble = read_ensemble(paths.root)
    assert [member.name for member in ensemble.members] == ["yolov5-fold1", "yolov5@2-fold1"]
    assert ensemble.settings_of(ensemble.members[1]).name == "yolov5"


def test_what_a_driver_is_appending_is_left_alone(paths: RunPaths) -> None:
    half_written = paths.ledger.read_bytes() + b'{"key": "ano'
    paths.ledger.write_bytes(half_written)
    assert len(read_ensemble(paths.root).members) == 3
    assert paths.ledger.read_bytes() == half_written


def remove(name: str) -> Callable[[RunPaths], None]:
    return lambda paths: (paths.root / name).unlink()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (remove("recipe.yaml"), "run: there is neither a run nor an exported ensemble in this folder"),
        (remove("results.json"), "run: this run has not finished, as results.json is missing"),
        (lambda paths: paths.results.write_text("[]"), "results.json: not the results of a run"),
        (lambda paths: paths.results.write_text("{}"), "results.json: not the results of a run"),
        (remove("data/train.json"), "train.json: there is no such file"),
        (
            remove("round0/members/cascade-rcnn-fold0/first.pth"),
            "cascade-rcnn-fold0/first.pth: the checkpoint of cascade-rcnn-fold0 is missing",
        ),
    ],
)
def test_what_cannot_predict_is_refused(paths: RunPaths, spoil: Callable[[RunPaths], object], message: str) -> None:
    spoil(paths)
    with pytest.raises(RecycleError, match=message):
        read_ensemble(paths.root)


def test_a_run_without_finished_members_is_refused(paths: RunPaths) -> None:
    paths.ledger.unlink()
    with pytest.raises(RecycleError, match="run: none of its members finished"):
        read_ensemble(paths.root)
