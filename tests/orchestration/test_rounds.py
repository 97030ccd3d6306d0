"""Rounds on drawn runs and on a trained one: kept or not, interrupted or not, asked for at once or by themselves."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from recycle.orchestration.cluster import connected
from recycle.orchestration.finish import FusedRun, fuse_run
from recycle.orchestration.plan import plan_members
from recycle.orchestration.round_records import kept_rounds, read_gate, read_labels_record, read_rounds
from recycle.orchestration.rounds import ExtraRound, add_rounds
from recycle.orchestration.run_contents import read_run
from recycle.orchestration.run_status import read_status
from recycle.paths import RunPaths
from recycle.predictions.submission import write_detection_csv
from recycle.recipe import PseudoLabels, Recipe
from recycle.recipe_yaml import write_recipe
from tests.orchestration.drawn_rounds import Trainer, fair, good, poisoned, prepared_of, trained_run
from tests.orchestration.drawn_runs import recipe_of, write_drawn_run
from tests.orchestration.job import kill, read_json, run_job, start_job, training_processes, wait_for
from tests.orchestration.test_run import wait_for_the_end_of

pytestmark = pytest.mark.training

SETTINGS = PseudoLabels(score_thr=0.6, ignore_thr=0.3)


@pytest.fixture(scope="module")
def ray_runs() -> Iterator[None]:
    with connected():
        yield


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory, ray_runs: None) -> FusedRun:
    """A run of a fair model, fused, whose recipe asks for two rounds."""
    content = {**recipe_of(["one"]).model_dump(mode="json"), "rounds": 2, "fusion": {"trials": 3}}
    recipe = Recipe.model_validate({**content, "pseudo_labels": SETTINGS.model_dump(mode="json")})
    paths = write_drawn_run(tmp_path_factory.mktemp("runs") / "run", recipe, images=60)
    paths.ledger.unlink()
    paths.results.unlink()
    run = trained_run(paths)
    members, _ = Trainer(fair, paths)(plan_members(run.recipe, paths, data_digest=run.prepared.digest))
    return fuse_run(replace(run, members=members), Console(file=StringIO()))


def copied(begun: FusedRun, root: Path) -> FusedRun:
    shutil.copytree(begun.run.paths.root, root)
    return replace(begun, run=replace(begun.run, paths=RunPaths(root)))


def make(fused: FusedRun, trainer: Trainer, extra: ExtraRound | None = None) -> tuple[FusedRun, str]:
    output = StringIO()
    return add_rounds(fused, trainer, Console(file=output, width=400), lambda: None, extra), output.getvalue()


def test_rounds_that_help_are_kept_and_join_the_ensemble(begun: FusedRun, tmp_path: Path) -> None:
    fused = copied(begun, tmp_path / "run")
    trainer = Trainer(good, fused.run.paths)
    standing, output = make(fused, trainer)
    paths = fused.run.paths
    assert "Round 1 is kept: the score rises by" in output
    assert kept_rounds(paths)[:2] == (0, 1)
    assert standing.objective.models[:2] == ("one", "one@1")
    assert [plan.name for plan in trainer.trained[:2]] == ["one@1-fold0", "one@1-fold1"]
    assert all(plan.pseudo and plan.pseudo.labels.is_file() for plan in trainer.trained)

    again, _ = make(fused, trainer)
    assert len(trainer.trained) == 4, "what was made is not made again"
    assert np.array_equal(again.ensemble.oof.scores, standing.ensemble.oof.scores)


def test_a_poisoned_round_is_rejected_and_ends_the_rounds(begun: FusedRun, tmp_path: Path) -> None:
    fused = copied(begun, tmp_path / "run")
    trainer = Trainer(poisoned, fused.run.paths)
    standing, output = make(fused, trainer)
    assert "Round 1 is not kept" in output
    assert kept_rounds(fused.run.paths) == (0,)
    assert standing.objective.models == ("one",)
    assert standing.ensemble.oof is fused.ensemble.oof
    assert {plan.round_index for plan in trainer.trained} == {1}
    assert [one.round_index for one in read_rounds(fused.run.paths)] == [1]

    extra = ExtraRound(2, None)
    better, output = make(fused, Trainer(good, fused.run.paths), extra)
    assert "Round 2 is kept" in output
    assert kept_rounds(fused.run.paths) == (0, 2)
    assert better.objective.models == ("one", "one@2")
    resumed, _ = make(fused, Trainer(good, fused.run.paths))
    assert resumed.objective.models == ("one", "one@2"), "a round that was made by itself stays"


def test_without_a_sure_box_nothing_is_trained_and_the_reason_is_told(begun: FusedRun, tmp_path: Path) -> None:
    fused = copied(begun, tmp_path / "run")
    recipe = fused.run.recipe.model_copy(update={"pseudo_labels": PseudoLabels(score_thr=1.0)})
    trainer = Trainer(good, fused.run.paths)
    standing, output = make(replace(fused, run=replace(fused.run, recipe=recipe)), trainer)
    assert "no box is sure enough to be a label for members of fold 0: the highest score is" in output
    assert trainer.trained == []
    assert standing.objective.models == ("one",)


def test_labels_stay_as_they_were_once_their_round_has_ended(begun: FusedRun, tmp_path: Path) -> None:
    fused = copied(begun, tmp_path / "run")
    paths = fused.run.paths
    make(fused, Trainer(poisoned, paths))
    before = paths.pseudo_labels(1, 0).read_bytes()
    changed = fused.run.recipe.model_copy(update={"pseudo_labels": PseudoLabels(score_thr=0.9)})
    moved = replace(fused, run=replace(fused.run, recipe=changed))
    make(moved, Trainer(poisoned, paths))
    assert paths.pseudo_labels(1, 0).read_bytes() == before

    paths.gate_record(1).unlink()
    assert read_gate(paths, 1) is None
    make(moved, Trainer(poisoned, paths))
    assert paths.pseudo_labels(1, 0).read_bytes() != before, "an interrupted round is labelled as is asked for now"
    record = read_labels_record(paths, 1)
    assert record is not None
    assert record.settings["score_thr"] == 0.9


def test_status_and_report_know_the_members_of_rounds(begun: FusedRun, tmp_path: Path) -> None:
    fused = copied(begun, tmp_path / "run")
    paths = fused.run.paths
    write_recipe(fused.run.recipe, paths.recipe)
    assert len(read_status(paths.root).members) == 2
    make(fused, Trainer(poisoned, paths))
    status = read_status(paths.root)
    assert [member.name for member in status.members][2:] == ["one@1-fold0", "one@1-fold1"]
    contents = read_run(paths.root)
    assert contents.rounds[0].gate is not None
    assert not contents.rounds[0].gate.is_kept


@pytest.fixture
def trained(quiet_run: RunPaths, tmp_path: Path) -> RunPaths:
    """A trained run, copied, and a submission for its test images with shuffled classes beside it."""
    shutil.copytree(quiet_run.root, tmp_path / "run")
    paths = RunPaths(tmp_path / "run")
    test = prepared_of(paths).test
    names = {image.id: image.file_name for image in test.images}
    write_detection_csv(poisoned(test, "poison", 0), names, tmp_path / "poisoned.csv")
    return paths


def test_a_real_round_of_poisoned_labels_is_rejected_and_resumes_after_a_kill(trained: RunPaths) -> None:
    before, submission = read_json(trained.results), trained.submission.read_bytes()
    arguments = ["--run-dir", str(trained.root), "--from", str(trained.root.parent / "poisoned.csv")]
    arguments += ["--set", "pseudo_labels.epochs=[1]", "pseudo_labels.real_epochs=1", "pseudo_labels.score_thr=0.5"]
    folder = trained.root.parent / "elsewhere"
    lines = len(trained.ledger.read_text().splitlines())
    process = start_job("pseudo_label", *arguments, folder=folder)
    wait_for(lambda: len(trained.ledger.read_text().splitlines()) > lines, process, "a member of the round finished")
    trainers = training_processes(process)
    kill(process.pid)
    process.communicate()
    wait_for_the_end_of(trainers)

    labels = trained.pseudo_labels(1, 0).read_bytes()
    status, output, errors = run_job("pseudo_label", *arguments, folder=folder)
    assert status == 0, output + errors
    assert "of 4 members were finished before" in output
    assert "Round 1 is not kept" in output
    assert trained.pseudo_labels(1, 0).read_bytes() == labels
    after = read_json(trained.results)
    (one,) = after.pop("rounds")
    before.pop("rounds")
    assert after == before
    assert trained.submission.read_bytes() == submission
    assert one["labels"]["source"].endswith("poisoned.csv")
    assert not one["gate"]["is_kept"]
    members = sorted(json.loads(line)["member"] for line in trained.ledger.read_text().splitlines()[lines:])
    assert members == ["cascade-rcnn@1-fold0", "cascade-rcnn@1-fold1", "yolov5@1-fold0", "yolov5@1-fold1"]
    assert "Round 1 of pseudo labels is not kept" in trained.report.read_text()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--run-dir", "nowhere"], "nowhere: there is no finished run, as results.json is missing"),
        (["--set", "seed=3"], "--set must change pseudo_labels.KEY, but got 'seed=3'"),
        (["--from", "missing.csv"], "missing.csv: cannot be read"),
    ],
)
def test_wrong_arguments_give_one_message(trained: RunPaths, arguments: list[str], expected: str) -> None:
    status, _, errors = run_job(
        "pseudo_label", "--run-dir", str(trained.root), *arguments, folder=trained.root.parent / "elsewhere"
    )
    assert status == 2
    assert expected in errors
    assert "Traceback" not in errors
