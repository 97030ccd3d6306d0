"""The search of training settings as a user runs it: a tiny model, a setting that breaks, finals, and once more."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from recycle.errors import RecipeError, RecycleError
from recycle.orchestration.finals import FinalsPlan, plan_finals, seconds_of
from recycle.orchestration.search_training import search_training
from recycle.paths import RunPaths
from recycle.recipe.changes import model_named
from recycle.recipe_yaml import load_recipe
from tests.orchestration.job import TINY, read_json, run_job
from tests.recipes import example_recipe
from tests.report.training_studies import study_from_json

SPACE = """\
def space(trial):
    lr = trial.suggest_float("lr", 1e-4, 1e-2, log=True)
    return {"optimizer": {"lr": 1e30 if trial.number == 1 else lr}}
"""
BRIEF = ["search.trials=4", "search.finalists=1", "search.seeds=2", "search.small.epochs=0.4", "search.grace=1"]


def search(run: RunPaths, ensemble: Path, *arguments: str) -> tuple[int, str, str]:
    folder = run.root.parent / "elsewhere"
    folder.mkdir(exist_ok=True)
    (folder / "my_spaces.py").write_text(SPACE)
    changes = [*TINY, *BRIEF, f"search.ensemble={ensemble}"]
    named = ["--recipe", "demo", "--model", "yolov5", "--run-dir", str(run.root), "--space", "my_spaces:space"]
    return run_job("search_training", *named, *arguments, "--set", *changes, folder=folder)


@pytest.mark.training
def test_a_search_ends_with_a_recipe_and_is_not_done_twice(quiet_run: RunPaths, tmp_path: Path) -> None:
    run = RunPaths(tmp_path / "search")
    status, output, errors = search(run, quiet_run.root)
    assert status == 0, output + errors
    document = read_json(run.training_study)
    study = study_from_json(document)
    assert [trial.outcome for trial in study.trials] == ["finished", "loss not finite", "finished", "finished"]
    assert "the loss became" in study.trials[1].reason or "became NaN or infinite" in study.trials[1].reason
    assert study.trials[0].changes == {}
    assert study.value == "gain of the ensemble in mAP50"
    assert {one.name for one in study.finalists} > {"default"}
    assert all(one.full is not None and -1 < one.full < 1 for one in study.finalists)
    assert study.comparison is not None
    assert len(study.comparison.scores) == len(study.comparison.others) == 2
    assert (study.winner == study.challenger) == (study.comparison.difference > 0)
    _is_the_winner(run, study.winner, {f"trial-{trial.number}": trial.changes for trial in study.trials})
    assert "The search" in run.training_report.read_text()

    status, output, errors = search(run, quiet_run.root, "--resume")
    assert status == 0, output + errors
    assert "4 trials, 4 of them known before" in output
    assert ": started" not in output
    assert read_json(run.training_study) == document


def _is_the_winner(run: RunPaths, winner: str, changes: Mapping[str, Mapping[str, Any]]) -> None:
    """The recipe is that of the search with the winner's changes."""
    before, after = (model_named(load_recipe(str(path)), "yolov5") for path in (run.recipe, run.winner))
    lr = changes.get(winner, {}).get("optimizer", {}).get("lr", before.optimizer.lr)
    assert after == before.model_copy(update={"optimizer": before.optimizer.model_copy(update={"lr": lr})})


@pytest.mark.parametrize(
    ("model", "search_settings", "resources", "told"),
    [
        ("dino", {}, {}, "The model must be one of cascade-rcnn, yolov5, but got 'dino'."),
        ("yolov5", {"space": "nowhere:space"}, {}, "the module nowhere cannot be imported"),
        ("yolov5", {"wandb": "project"}, {}, "search.wandb needs the package wandb"),
        ("yolov5", {}, {"num_gpus": 2}, "resources.num_gpus of model 'yolov5' must be at most 1, but got num_gpus=2"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_written(
    model: str, search_settings: dict[str, Any], resources: dict[str, Any], told: str, tmp_path: Path
) -> None:
    content = example_recipe(search=search_settings).model_dump(mode="json")
    content["models"][1]["resources"] = resources
    with pytest.raises(RecipeError) as caught:
        search_training(
            type(example_recipe()).model_validate(content),
            "",
            tmp_path / "run",
            model,
            resume=False,
            console=Console(),
        )
    assert told in str(caught.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.training
def test_an_ensemble_of_other_data_is_refused(quiet_run: RunPaths, tmp_path: Path) -> None:
    recipe = load_recipe("demo", [*TINY, "seed=7", f"search.ensemble={quiet_run.root}"])
    with pytest.raises(RecycleError, match="its data or folds are not those of this search"):
        search_training(recipe, "", tmp_path / "run", "yolov5", resume=False, console=Console(quiet=True))


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (math.inf, FinalsPlan(3, 3)),
        (50, FinalsPlan(3, 3)),  # four at full size, then both with three seeds, two at a time
        (49, FinalsPlan(1, 3)),
        (39, FinalsPlan(1, 2)),
        (29, FinalsPlan(1, 0)),
        (10, FinalsPlan(1, 0)),
        (9, FinalsPlan(0, 0)),
    ],
)
def test_finals_shrink_to_the_time_there_is(seconds: float, expected: FinalsPlan) -> None:
    plan = plan_finals(FinalsPlan(3, 3), seconds, 10, side_by_side=2)
    assert plan == expected
    assert seconds_of(plan, 10, 2) <= seconds
