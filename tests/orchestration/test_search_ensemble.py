"""The search of an ensemble on a finished run: longer than before, killed and continued, refused."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from recycle.data.prepare import read_prepared
from recycle.fusion.ensemble import MemberPredictions, pool_out_of_fold
from recycle.fusion.objective import FusionObjective
from recycle.fusion.settings import settings_of
from recycle.orchestration.ensemble import SettingsScore
from recycle.orchestration.ledger import Ledger
from recycle.paths import RunPaths
from recycle.predictions.parquet import read_parquet
from tests.orchestration.job import copy_run, kill, read_json, run_job, start_job, wait_for

pytestmark = pytest.mark.training

PICTURES = {"scores.png", "found.png", "errors.png", "contributions.png", "selection.png", "responses.png"}


@pytest.fixture
def run(quiet_run: RunPaths, tmp_path: Path) -> RunPaths:
    """A finished run, copied, whose fusion was searched with three trials."""
    copy_run(quiet_run.root, tmp_path / "run")
    return RunPaths(tmp_path / "run")


def search(run: RunPaths, *arguments: str) -> tuple[int, str, str]:
    return run_job("search_ensemble", "--run-dir", str(run.root), *arguments, folder=run.root.parent / "elsewhere")


def test_search_goes_on_and_replaces_what_the_run_had_found(run: RunPaths) -> None:
    before = read_json(run.fusion_study)
    shutil.rmtree(run.pictures / "fusion")
    run.submission.unlink()
    finished_the_other_way_round(run)
    status, output, errors = search(run, "--trials", "9")
    assert status == 0, output + errors
    assert "9 trials, 3 of them known before" in output
    after = read_json(run.fusion_study)
    assert after["trials"][:3] == before["trials"]
    assert len(after["trials"]) == 9
    assert {path.name for path in (run.pictures / "fusion").iterdir()} == PICTURES
    assert run.submission.is_file()
    results = read_json(run.results)["fusion"]
    assert results["trials"] == 9
    assert max(trial["score"] for trial in after["trials"]) >= max(trial["score"] for trial in before["trials"])


def finished_the_other_way_round(run: RunPaths) -> None:
    lines = run.ledger.read_text().splitlines(keepends=True)
    run.ledger.write_text("".join(reversed(lines)))


def test_scores_of_the_journal_are_those_of_the_settings(run: RunPaths) -> None:
    """Every score that steered the search is found again from the files of the run alone."""
    prepared = read_prepared(run.sample, run)
    members = [
        MemberPredictions(e.member, e.model, read_parquet(run.root / e.oof), read_parquet(run.root / e.test))
        for e in Ledger(run.ledger).latest().values()
        if e.oof
    ]
    objective = FusionObjective(pool_out_of_fold(members), prepared.train, prepared.folds)
    study = read_json(run.fusion_study)
    for trial in study["trials"]:
        assert SettingsScore(objective)(trial) == pytest.approx(trial["score"], abs=1e-9)
    best = settings_of(study["parameters"], objective.models)
    fused = read_parquet(run.predictions(0, "oof", "ensemble"))
    assert np.array_equal(fused.scores, objective.fused(best).scores)
    assert read_json(run.results)["ensemble"]["oof"]["map50"] == pytest.approx(objective(best), abs=1e-6)


def test_killed_search_continues(run: RunPaths) -> None:
    process = start_job("search_ensemble", "--run-dir", str(run.root), "--trials", "400", folder=run.root.parent / "x")
    known = journal_lines(run)
    wait_for(lambda: journal_lines(run) > known + 100, process, "more settings were tried")
    kill(process.pid)
    process.communicate()
    status, output, errors = search(run, "--trials", "8")
    assert status == 0, output + errors
    found = int(output.partition(" of them known before")[0].rpartition(" ")[2])
    assert found > 3


def journal_lines(run: RunPaths) -> int:
    return len(run.fusion_journal.read_text().splitlines())


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--set", "models.0.epochs=9"], "models.0.epochs: 5 -> 9"),
        (["--trials", "1"], "fusion.trials"),
        (["--time-budget", "10"], "must be a positive number with s, m or h, as in 10m, but got '10'"),
    ],
)
def test_wrong_arguments_are_refused(run: RunPaths, arguments: list[str], expected: str) -> None:
    status, _, errors = search(run, *arguments)
    assert status == 2
    assert expected in errors
    assert "Traceback" not in errors


def test_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    status, _, errors = search(RunPaths(tmp_path))
    assert status == 2
    assert "there is no trained run, as data/prepared.json is missing" in errors


def test_study_tells_of_every_model_and_both_fusions(quiet_run: RunPaths) -> None:
    study = read_json(quiet_run.fusion_study)
    models = ["cascade-rcnn", "yolov5"]
    assert sorted(study["agreement"]["models"]) == models
    assert sorted(study["selection"]["models"]) == models
    for part in ("pooled", "held_out"):
        assert set(study[part]["ratings"]) == {*models, "default fusion", "tuned fusion"}
    assert set(study["responses"]) == {"iou_thr", "skip_box_thr"}
