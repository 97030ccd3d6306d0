"""Rounds on drawn runs and on a trained one: kept or not, interrupted or not, asked for at once or by themselves."""

import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from rich.console import Console

from recycle.errors import DataError, RecipeError, RecycleError, ResumeError
from recycle.orchestration.cluster import connected
from recycle.orchestration.finish import FusedRun, fuse_run
from recycle.orchestration.finish_by_task import TASK_ROUNDS
from recycle.orchestration.ledger import FinishedMember, read_ledger
from recycle.orchestration.plan import plan_members
from recycle.orchestration.pseudo_label import add_round
from recycle.orchestration.round_records import kept_rounds, read_gate, read_labels_record, read_rounds
from recycle.orchestration.rounds import ExtraRound, Train, add_rounds
from recycle.orchestration.run_contents import read_run
from recycle.orchestration.run_status import read_status
from recycle.paths import RunPaths
from recycle.predictions.submission import write_detection_csv
from recycle.recipe import PseudoLabels, Recipe
from recycle.recipe_yaml import write_recipe
from recycle.training.member import MemberPlan
from tests.orchestration.drawn_rounds import Trainer, fair, good, poisoned, prepared_of, trained_run
from tests.orchestration.drawn_runs import recipe_of, write_drawn_run
from tests.orchestration.job import copy_run, kill, read_json, run_job, start_job, training_processes, wait_for
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


def make(fused: FusedRun, train: Train, extra: ExtraRound | None = None) -> tuple[FusedRun, str]:
    output = StringIO()
    by_task, console = TASK_ROUNDS["detection"], Console(file=output, width=400)
    return add_rounds(fused, by_task, train, console, lambda: None, extra), output.getvalue()


@pytest.fixture(scope="module")
def rejected(begun: FusedRun, tmp_path_factory: pytest.TempPathFactory) -> tuple[FusedRun, FusedRun, str]:
    """The run before and after a poisoned round, and what was told."""
    fused = copied(begun, tmp_path_factory.mktemp("rejected") / "run")
    write_recipe(fused.run.recipe, fused.run.paths.recipe)
    return fused, *make(fused, Trainer(poisoned, fused.run.paths))


def with_settings(fused: FusedRun, settings: PseudoLabels) -> FusedRun:
    return replace(
        fused, run=replace(fused.run, recipe=fused.run.recipe.model_copy(update={"pseudo_labels": settings}))
    )


def test_rounds_that_help_are_kept_and_join_the_ensemble(begun: FusedRun, tmp_path: Path) -> None:
    fused = copied(begun, tmp_path / "run")
    trainer, paths = Trainer(good, fused.run.paths), fused.run.paths
    standing, output = make(fused, trainer)
    assert "Round 1 is kept: the score rises by" in output
    assert kept_rounds(paths)[:2] == (0, 1)
    assert standing.objective.models[:2] == ("one", "one@1")
    assert [plan.name for plan in trainer.trained] == [
        f"one@{number}-fold{fold}" for number in (1, 2) for fold in (0, 1)
    ]
    assert all(plan.pseudo and plan.pseudo.labels.is_file() for plan in trainer.trained)

    gate = paths.gate_record(1).read_bytes()
    paths.gate_record(1).unlink()
    again, _ = make(fused, trainer)
    assert len(trainer.trained) == 4, "what was made is not made again"
    assert paths.gate_record(1).read_bytes() == gate
    assert np.array_equal(again.ensemble.oof.scores, standing.ensemble.oof.scores)


def test_a_kept_round_that_is_lost_is_told_and_stays_recorded_as_kept(begun: FusedRun, tmp_path: Path) -> None:
    fused = copied(begun, tmp_path / "run")
    make(fused, Trainer(good, fused.run.paths))
    record = fused.run.paths.gate_record(1).read_bytes()
    with pytest.raises(
        ResumeError, match=r"round 1 was kept, but .*\(one@1-fold0: no memory; one@1-fold1: no memory\)"
    ):
        make(fused, out_of_memory)
    assert fused.run.paths.gate_record(1).read_bytes() == record


def out_of_memory(plans: Sequence[MemberPlan]) -> tuple[list[FinishedMember], dict[str, str]]:
    return [], {plan.name: "no memory" for plan in plans}


def test_a_poisoned_round_is_rejected_and_ends_the_rounds(rejected: tuple[FusedRun, FusedRun, str]) -> None:
    former, standing, output = rejected
    paths = former.run.paths
    assert "Round 1 is not kept" in output
    assert "Round 2" not in output
    assert kept_rounds(paths) == (0,)
    assert standing.objective.models == ("one",)
    assert standing.ensemble.oof is former.ensemble.oof
    assert [one.round_index for one in read_rounds(paths)] == [1]
    names = [member.name for member in read_status(paths.root).members]
    assert names == ["one-fold0", "one-fold1", "one@1-fold0", "one@1-fold1"]
    (one,) = read_run(paths.root).rounds
    assert one.gate is not None
    assert not one.gate.is_kept


def test_after_a_round_that_was_rejected_another_can_be_asked_for(
    rejected: tuple[FusedRun, FusedRun, str], tmp_path: Path
) -> None:
    fused = copied(rejected[0], tmp_path / "run")
    trainer, paths = Trainer(good, fused.run.paths), fused.run.paths
    better, output = make(fused, trainer, ExtraRound(2, None))
    assert "Round 2 is kept" in output
    assert kept_rounds(paths) == (0, 2)
    assert better.objective.models == ("one", "one@2")
    resumed, _ = make(fused, trainer)
    assert resumed.objective.models == ("one", "one@2"), "a round that was made by itself stays"


def test_without_a_sure_box_nothing_is_trained_and_the_reason_is_told(begun: FusedRun, tmp_path: Path) -> None:
    fused = copied(begun, tmp_path / "run")
    trainer = Trainer(good, fused.run.paths)
    standing, output = make(with_settings(fused, PseudoLabels(score_thr=1.0)), trainer)
    assert "no box is sure enough to be a label for members of fold 0: the highest score is" in output
    assert trainer.trained == []
    assert standing.objective.models == ("one",)


def test_labels_stay_as_they_were_once_their_round_has_ended(
    rejected: tuple[FusedRun, FusedRun, str], tmp_path: Path
) -> None:
    fused = with_settings(copied(rejected[0], tmp_path / "run"), PseudoLabels(score_thr=0.65))
    paths = fused.run.paths
    before = paths.pseudo_labels(1, 1).read_bytes()
    make(fused, interrupted)
    assert paths.pseudo_labels(1, 1).read_bytes() == before

    paths.gate_record(1).unlink()
    assert read_gate(paths, 1) is None
    with pytest.raises(KeyboardInterrupt):
        make(fused, interrupted)
    assert paths.pseudo_labels(1, 1).read_bytes() != before, "an interrupted round is labelled as is asked for now"
    record = read_labels_record(paths, 1)
    assert record is not None
    assert record.settings["score_thr"] == 0.65


def interrupted(plans: Sequence[MemberPlan]) -> NoReturn:
    """A training that is interrupted."""
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("name", "source", "changes", "error", "expected"),
    [
        ("nowhere", None, [], ResumeError, "nowhere: there is no finished run, as results.json is missing"),
        ("run", None, ["seed=3"], RecipeError, "--set must change pseudo_labels.KEY, but got 'seed=3'"),
        ("run", Path("missing.csv"), [], DataError, "missing.csv: "),
    ],
)
def test_wrong_arguments_are_refused_at_once(
    tmp_path: Path, name: str, source: Path | None, changes: list[str], error: type[RecycleError], expected: str
) -> None:
    write_drawn_run(tmp_path / "run", recipe_of(["one"]))
    with pytest.raises(error, match=re.escape(expected)):
        add_round(tmp_path / name, source, changes, Console(file=StringIO()))


@pytest.fixture
def trained(quiet_run: RunPaths, tmp_path: Path) -> RunPaths:
    """A trained run, copied, and a submission for its test images with shuffled classes beside it."""
    copy_run(quiet_run.root, tmp_path / "run")
    paths = RunPaths(tmp_path / "run")
    test = prepared_of(paths).test
    names = {image.id: image.file_name for image in test.images}
    write_detection_csv(poisoned(test, "poison", 0), names, tmp_path / "poisoned.csv")
    return paths


def test_a_real_round_of_poisoned_labels_is_rejected_and_resumes_after_kills(trained: RunPaths) -> None:
    """Killed once amid its members, and once when all are trained but nothing is decided."""
    before, submission = read_json(trained.results), trained.submission.read_bytes()
    arguments = ["--run-dir", str(trained.root), "--from", str(trained.root.parent / "poisoned.csv")]
    arguments += ["--set", "pseudo_labels.epochs=[1]", "pseudo_labels.real_epochs=1", "pseudo_labels.score_thr=0.5"]
    folder = trained.root.parent / "elsewhere"
    for finished in (1, 4):
        kill_when_finished(finished, trained, start_job("pseudo_label", *arguments, folder=folder))
        assert not trained.gate_record(1).exists()
    labels = trained.pseudo_labels(1, 0).read_bytes()
    members = of_rounds(trained)

    status, output, errors = run_job("pseudo_label", *arguments, folder=folder)
    assert status == 0, output + errors
    assert output.count("4 of 4 members were finished before") == 2, "those of the run and those of the round"
    assert "Round 1 is not kept" in output
    assert trained.pseudo_labels(1, 0).read_bytes() == labels
    assert of_rounds(trained) == members
    assert sorted(members) == ["cascade-rcnn@1-fold0", "cascade-rcnn@1-fold1", "yolov5@1-fold0", "yolov5@1-fold1"]
    after = read_json(trained.results)
    (one,) = after.pop("rounds")
    before.pop("rounds")
    assert after == before
    assert trained.submission.read_bytes() == submission
    assert one["labels"]["source"].endswith("poisoned.csv")
    assert not one["gate"]["is_kept"]
    assert "Round 1 of pseudo labels is not kept" in trained.report.read_text()


def of_rounds(paths: RunPaths) -> list[str]:
    """The members of rounds of pseudo labels that are finished, in the order of the ledger."""
    return [entry.member for entry in read_ledger(paths.ledger) if entry.round_index]


def kill_when_finished(members: int, paths: RunPaths, process: subprocess.Popen[str]) -> None:
    wait_for(lambda: len(of_rounds(paths)) >= members, process, f"{members} members of the round were finished")
    trainers = training_processes(process)
    kill(process.pid)
    process.communicate()
    wait_for_the_end_of(trainers)
