"""The report of runs in every state: finished, unfinished, failed, without pictures, beside others."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from recycle.errors import ResumeError
from recycle.orchestration.attempt_log import AttemptLog
from recycle.orchestration.nodes import Claim
from recycle.orchestration.report import write_report, write_report_or_warn
from recycle.paths import RunPaths
from recycle.report.leaderboard import Submission, append_submission
from recycle.report.page.sections import SECTIONS
from tests.evaluation.scenes import found, truth_of
from tests.orchestration.drawn_runs import ODD_CLASSES, recipe_of, write_drawn_run
from tests.orchestration.recorded_runs import begin_run, train_model


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> RunPaths:
    return write_drawn_run(tmp_path_factory.mktemp("runs") / "drawn", recipe_of(["a", "b"]), odd=True)


@pytest.fixture
def paths(drawn: RunPaths, tmp_path: Path) -> RunPaths:
    """A finished run that a test may spoil."""
    return RunPaths(Path(shutil.copytree(drawn.root, tmp_path / "run")))


def body_of(page: Path) -> str:
    text = page.read_text()
    return text[: text.index("plotly.js v")]


def section_of(page: Path, name: str) -> str:
    text = body_of(page)
    begin = text.index(f'<section id="{name}"')
    return text[begin : text.index("</section>", begin)]


def unfinish(paths: RunPaths) -> None:
    for file in (paths.results, paths.fusion_study, paths.submission):
        file.unlink(missing_ok=True)
    for part in ("oof", "test"):
        paths.predictions(0, part, "ensemble").unlink()
    kept, *lost = paths.ledger.read_text().splitlines(keepends=True)
    assert lost
    paths.ledger.write_text(kept)


def require_every_section(page: Path) -> None:
    for section in SECTIONS:
        lead = section_of(page, section.__name__).partition('class="lead">')[2].partition("</p>")[0]
        assert len(lead) > 20


def test_a_finished_run_shows_all(paths: RunPaths) -> None:
    page = write_report(paths.root)
    assert page == paths.report
    require_every_section(page)
    assert "Scores out of fold" in section_of(page, "summary")
    assert "Next: " in section_of(page, "summary")
    assert section_of(page, "errors").count("<use href=") == 2 * section_of(page, "errors").count("<image ")
    assert "tuned fusion" in section_of(page, "ensemble")
    assert "data:image/webp" in section_of(page, "pictures")
    assert "single run" in section_of(page, "comparison")
    assert page.stat().st_size < 15e6


def test_a_run_that_has_not_finished_shows_what_is_there(paths: RunPaths) -> None:
    unfinish(paths)
    log = AttemptLog(paths.attempts)
    log.started("a-fold1", 1, Claim("n", {"CPU": 1}), {"CPU": 2})
    page = write_report(paths.root)
    require_every_section(page)
    assert "1 of 4 members are done" in section_of(page, "summary")
    assert "--resume" in section_of(page, "summary")
    assert "cut off" in section_of(page, "training")
    assert "has not fused" in section_of(page, "ensemble")
    assert "precision-recall" in section_of(page, "errors")


def test_a_run_of_which_nothing_finished_shows_why(paths: RunPaths) -> None:
    unfinish(paths)
    paths.ledger.unlink()
    reason = "a-fold0: the loss became <nan> at step 2"
    log = AttemptLog(paths.attempts)
    log.started("a-fold0", 1, Claim("n", {"CPU": 1}), {"CPU": 2})
    log.ended("a-fold0", 1, "failed", "host", reason)
    paths.progress.write_text(json.dumps({"running": {}, "waiting": [], "finished": [], "failed": ["a-fold0"]}))
    page = write_report(paths.root)
    require_every_section(page)
    assert "the loss became &lt;nan&gt; at step 2" in section_of(page, "summary")
    assert "1 was given up" in section_of(page, "training")
    assert "no errors to look at yet" in section_of(page, "errors")


def test_a_run_that_recorded_no_starts_says_so(paths: RunPaths) -> None:
    assert "was not recorded" in section_of(write_report(paths.root), "training")


def test_a_run_whose_images_are_gone_says_so(paths: RunPaths) -> None:
    shutil.rmtree(paths.sample)
    page = write_report(paths.root)
    require_every_section(page)
    assert "photographs cannot be shown" in section_of(page, "pictures")


def test_a_run_of_one_model_has_nothing_to_correlate(tmp_path: Path) -> None:
    page = write_report(write_drawn_run(tmp_path / "one", recipe_of(["a"]), images=12).root)
    require_every_section(page)
    assert "single model" in section_of(page, "ensemble")
    assert "second model" in section_of(page, "summary")


@pytest.mark.parametrize("boxes", [(), ((0, 0, (10.0, 10.0, 20.0, 20.0)), (1, 1, (5.0, 5.0, 60.0, 60.0)))])
def test_data_without_test_images_and_even_without_objects(
    tmp_path: Path, boxes: tuple[tuple[int, int, tuple[float, float, float, float]], ...]
) -> None:
    truth = truth_of(boxes, images=4)
    paths = begin_run(tmp_path / "run", truth)
    train_model(paths, truth, "yolov5", found([(0, 0, (10.0, 10.0, 20.0, 20.0), 0.9)], images=range(4)))
    page = write_report(paths.root)
    require_every_section(page)
    assert "no test images" in section_of(page, "data")


def test_runs_side_by_side(paths: RunPaths, drawn: RunPaths) -> None:
    page = write_report(paths.root, [drawn.root])
    text = section_of(page, "comparison")
    assert "not told apart" in text
    assert "recipes do not differ" in text


def test_submissions_beside_the_run_are_shown(paths: RunPaths) -> None:
    note = "<img src=x onerror=alert(1)> 메모 🧴"
    for number in range(4):
        score = 0.5 + number / 100
        append_submission(
            Submission(f"run{number}", "2026-01-01T00:00:00+00:00", score, score - 0.1, None, note), paths.leaderboard
        )
    text = section_of(write_report(paths.root), "leaderboard")
    assert "rank correlation of 1.00" in text
    assert "is expected to score" in text
    assert "<img" not in text
    assert "메모 🧴" in text


def test_exports_hold_every_table_and_all_predictions(paths: RunPaths, tmp_path: Path) -> None:
    page = write_report(paths.root, export=tmp_path / "export")
    names = {file.stem for file in (tmp_path / "export" / "tables").iterdir()}
    assert {"classes", "scores-oof", "error-kinds", "members"} <= names
    assert all(f'id="table-{name}"' in body_of(page) for name in names)
    with (tmp_path / "export" / "tables" / "classes.csv").open() as file:
        assert set(ODD_CLASSES) <= {row["class"] for row in csv.DictReader(file)}
    predictions = tmp_path / "export" / "fiftyone" / "predictions"
    assert sorted(file.name for file in predictions.iterdir()) == ["a.json", "b.json", "ensemble.json"]


@pytest.mark.parametrize(("folder", "told"), [("nowhere", "no such folder"), ("empty", "recipe.yaml is missing")])
def test_a_folder_without_a_run_is_refused(tmp_path: Path, folder: str, told: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ResumeError, match=told):
        write_report(tmp_path / folder)


def test_a_report_that_fails_costs_the_run_one_warning(paths: RunPaths, capsys: pytest.CaptureFixture[str]) -> None:
    paths.fusion_study.write_text("{}")
    write_report_or_warn(paths, Console(markup=False, soft_wrap=True))
    told = capsys.readouterr().out
    assert told.startswith("Warning: the report could not be written: DataError: ")
    assert told.count("\n") == 1
    assert paths.results.is_file()
