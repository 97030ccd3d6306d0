"""Reading a run back, at every stage of it."""

from pathlib import Path

import numpy as np
import pytest

from recycle.errors import RecycleError
from recycle.evaluation.detection import evaluate
from recycle.fusion.ensemble import ENSEMBLE
from recycle.orchestration.run_contents import read_run
from tests.evaluation.scenes import random_predictions, random_truth
from tests.orchestration.recorded_runs import begin_run, finish_run, record_member, train_model
from tests.recipes import example_recipe

RNG = np.random.default_rng(0)
TRUTH = random_truth(RNG)
PREDICTIONS = random_predictions(RNG, TRUTH)


def test_a_run_that_has_only_begun_has_its_data(tmp_path: Path) -> None:
    begin_run(tmp_path, TRUTH)
    run = read_run(tmp_path)
    assert run.recipe == example_recipe()
    assert run.prepared.train.images == TRUTH.images
    assert (run.members, run.model_oof, run.ensemble_oof, run.results, run.study) == ((), None, None, None, None)
    assert run.oof_scores() == {}


def test_a_run_that_trains_has_what_is_finished_in_the_order_of_the_recipe(tmp_path: Path) -> None:
    paths = begin_run(tmp_path, TRUTH)
    train_model(paths, TRUTH, "yolov5", PREDICTIONS)
    entry = record_member(paths, "cascade-rcnn", 0, PREDICTIONS.of_images([0]).renamed("cascade-rcnn"))
    with paths.ledger.open("a") as ledger:
        ledger.write('{"key": "to')
    run = read_run(tmp_path)
    assert [one.member for one in run.members] == [entry.member, "yolov5-fold0", "yolov5-fold1"]
    assert run.model_oof is not None
    assert run.model_oof.models == ("cascade-rcnn", "yolov5")
    assert len(run.model_oof.of_model("yolov5")) == len(PREDICTIONS)
    assert paths.ledger.read_text().endswith('{"key": "to')


def test_members_whose_predictions_are_gone_are_left_out(tmp_path: Path) -> None:
    paths = begin_run(tmp_path, TRUTH)
    train_model(paths, TRUTH, "yolov5", PREDICTIONS)
    paths.predictions(0, "oof", "yolov5-fold1").unlink()
    assert [one.member for one in read_run(tmp_path).members] == ["yolov5-fold0"]


def test_a_finished_run_has_scores(tmp_path: Path) -> None:
    paths = begin_run(tmp_path, TRUTH)
    train_model(paths, TRUTH, "yolov5", PREDICTIONS)
    finish_run(paths, TRUTH, PREDICTIONS, {"yolov5": PREDICTIONS})
    run = read_run(tmp_path)
    assert run.ensemble_oof is not None
    assert run.ensemble_oof.models == (ENSEMBLE,)
    map50 = evaluate(TRUTH, PREDICTIONS).map50
    assert run.oof_scores() == {ENSEMBLE: map50, "yolov5": map50}


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecycleError, match="nowhere: there is no such folder"):
        read_run(tmp_path / "nowhere")
    with pytest.raises(RecycleError, match=r"there is no run in this folder, as recipe.yaml is missing"):
        read_run(tmp_path)
    paths = begin_run(tmp_path, TRUTH)
    paths.prepared.unlink()
    with pytest.raises(RecycleError, match="this run has not prepared its data yet"):
        read_run(tmp_path)


def test_broken_results_are_told(tmp_path: Path) -> None:
    paths = begin_run(tmp_path, TRUTH)
    paths.results.write_text('{"models": {}}')
    with pytest.raises(RecycleError, match=r"results.json: not the results of a run"):
        read_run(tmp_path).oof_scores()
    paths.results.write_text("[]")
    with pytest.raises(RecycleError, match=r"results.json: must be a JSON object, but got list"):
        read_run(tmp_path)
