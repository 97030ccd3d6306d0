"""The report of a run, from what its folder holds: what lies behind `jobs/report.py` and the end of every run."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from recycle.data.json_files import read_json
from recycle.data.statistics import describe_data
from recycle.errors import DataError
from recycle.evaluation.comparison import Comparator, Rating
from recycle.evaluation.diagnosis import diagnose
from recycle.evaluation.image_losses import worst_images
from recycle.fusion.ensemble import ENSEMBLE
from recycle.orchestration.compare_runs import compare_runs
from recycle.orchestration.ledger import FinishedMember
from recycle.orchestration.member_names import MemberIdentity, members_of
from recycle.orchestration.pixels_report import PixelsReport, TaskReport
from recycle.orchestration.run_contents import RunContents, read_run
from recycle.paths import RunPaths
from recycle.predictions.parquet import read_parquet
from recycle.predictions.values import Predictions
from recycle.recipe import Task
from recycle.report.attempts import Attempt, read_attempts
from recycle.report.curves import read_curves
from recycle.report.ensemble import EnsembleStudy
from recycle.report.ensemble_file import study_of
from recycle.report.exports import write_fiftyone, write_tables
from recycle.report.leaderboard import read_leaderboard
from recycle.report.page.contents import MemberRecord, Pictures, ReportContents
from recycle.report.page.photographs import predicted_photographs, training_photographs, worst_photographs
from recycle.report.page.render import write_page
from recycle.report.page.sections import SECTIONS, page_of
from recycle.report.run_comparison import RunsComparison

SAMPLES = 6
WORST = 12


def write_report(root: Path, others: Sequence[Path] = (), *, export: Path | None = None) -> Path:
    """Writes the report of a run, finished or not, into its folder.

    Args:
        root: The run folder.
        others: Folders of runs to compare it with.
        export: Where to write all tables as CSV, and data set and predictions for FiftyOne; None writes neither.

    Returns:
        The page.

    Raises:
        RecycleError: If there is no run, or a file of one cannot be read.
    """
    run = read_run(root)
    page = page_of(_gather(run, [root, *others]), REPORTS[run.recipe.task].sections)
    write_page(page, run.paths.report)
    if export is not None:
        write_tables(page.tables, export / "tables")
        write_fiftyone(run.prepared.train, dict(_predictions(run)), export / "fiftyone")
    return run.paths.report


def write_report_or_warn(paths: RunPaths, console: Console) -> None:
    """Writes the report at the end of a run; whatever goes wrong with it, the run and its results stand."""
    try:
        page = write_report(paths.root)
    except Exception as error:  # a page to look at must not cost days of training
        warning = f"Warning: the report could not be written: {type(error).__name__}: {error}"
        console.print(warning, soft_wrap=True)
    else:
        console.print(f"Report: {page}", soft_wrap=True)


class _BoxesReport:
    """What the report of a run that finds boxes is made of."""

    sections = SECTIONS

    def study(self, run: RunContents) -> EnsembleStudy | None:
        return study_of(run.study) if run.study is not None else None

    def rate(self, run: RunContents, oof: Path) -> Rating:
        return _rating(run, read_parquet(oof))

    def pictures(self, run: RunContents) -> Pictures:
        return _pictures(run)

    def compare(self, roots: Sequence[Path]) -> RunsComparison:
        return compare_runs(roots)


REPORTS: Mapping[Task, TaskReport] = {"detection": _BoxesReport(), "segmentation": PixelsReport()}


def _gather(run: RunContents, roots: Sequence[Path]) -> ReportContents:
    attempts = read_attempts(run.paths.attempts, _last_heard(run.paths))
    task = REPORTS[run.recipe.task]
    return ReportContents(
        name=run.paths.root.absolute().name,
        recipe=run.recipe,
        facts=describe_data(run.prepared, run.paths),
        results=run.results,
        study=task.study(run),
        members=tuple(_members(run, attempts)),
        rounds=run.rounds,
        attempts=attempts,
        diagnoses={name: diagnose(one, run.prepared.train) for name, one in _predictions(run)},
        pictures=task.pictures(run),
        submissions=read_leaderboard(run.paths.leaderboard),
        comparison=task.compare(roots) if len(roots) > 1 else None,
    )


def _last_heard(paths: RunPaths) -> float:
    return paths.progress.stat().st_mtime if paths.progress.is_file() else 0.0


def _predictions(run: RunContents) -> Iterator[tuple[str, Predictions]]:
    """Out-of-fold predictions of each model and, last, of the ensemble."""
    if run.model_oof is not None:
        for name in run.model_oof.models:
            yield name, run.model_oof.of_model(name)
    if run.ensemble_oof is not None:
        yield ENSEMBLE, run.ensemble_oof


def _pictures(run: RunContents) -> Pictures:
    train, test = run.prepared.train, run.prepared.test
    fused = run.paths.predictions(0, "test", ENSEMBLE)
    try:
        return Pictures(
            samples=training_photographs(train, SAMPLES),
            worst=worst_photographs(train, worst_images(run.ensemble_oof, train, WORST)) if run.ensemble_oof else (),
            test=predicted_photographs(test, read_parquet(fused), SAMPLES) if fused.is_file() else (),
        )
    except DataError as error:  # the images may lie on another machine, or be gone
        return Pictures(remark=f"The photographs cannot be shown: {error}.")


def _members(run: RunContents, attempts: Sequence[Attempt]) -> Iterator[MemberRecord]:
    finished = {entry.member: entry for entry in run.members}
    reasons = {one.member: one.reason for one in attempts if one.outcome == "failed"}
    failed: Mapping[str, str] = run.results["failed"] if run.results else _given_up(run.paths, reasons)
    for member in members_of(run.recipe, run.paths.begun_rounds):
        yield _record(run, member, finished.get(member.name), failed.get(member.name, ""))


def _given_up(paths: RunPaths, reasons: Mapping[str, str]) -> dict[str, str]:
    """Members that the driver has given up as far as it has come, with the reasons of their last tries."""
    progress: Any = read_json(paths.progress) if paths.progress.is_file() else {}
    return {name: reasons.get(name, "for a reason that was not recorded") for name in progress.get("failed", [])}


def _record(run: RunContents, member: MemberIdentity, entry: FinishedMember | None, reason: str) -> MemberRecord:
    folder = run.paths.member(member.round_index, member.name)
    return MemberRecord(
        name=member.name,
        model=member.model.name,
        fold=str(member.fold),
        status="finished" if entry else "failed" if reason else "not finished",
        seconds=entry.seconds if entry else None,
        attempts=entry.attempts if entry else None,
        host=entry.host if entry else "",
        reason="" if entry else reason,
        curves=read_curves(folder, [phase.epochs for phase in member.model.in_phases()]),
        rating=REPORTS[run.recipe.task].rate(run, run.paths.root / entry.oof) if entry and entry.oof else None,
    )


def _rating(run: RunContents, predictions: Predictions) -> Rating:
    """The score of a member on its fold, with its interval."""
    groups = zip(run.prepared.train.images, run.prepared.groups.tolist(), strict=True)
    comparator = Comparator(
        run.prepared.train,
        {image.id: group for image, group in groups},
        [np.asarray(predictions.covered)],
        run.recipe.fusion.metric,
        run.recipe.seed,
    )
    comparator.add("member", predictions.renamed("member"))
    return comparator.rate()["member"]
