"""From the predictions of members to the ensemble: found, scored, written, and shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console

from recycle.data.json_files import write_json
from recycle.data.prepare import PreparedData
from recycle.errors import TrainingError
from recycle.fusion.ensemble import Ensemble, MemberPredictions, fuse_ensemble, fuse_members, pool_out_of_fold
from recycle.fusion.objective import FusionObjective
from recycle.orchestration.ensemble import EnsembleTask, FoundEnsemble, find_ensemble
from recycle.orchestration.ledger import FinishedMember
from recycle.orchestration.report import write_report_or_warn
from recycle.orchestration.round_records import read_rounds
from recycle.paths import RunPaths
from recycle.predictions.parquet import read_parquet, write_parquet
from recycle.predictions.submission import write_detection_csv
from recycle.recipe import Recipe
from recycle.report.ensemble import EnsembleStudy, honest_verdict, outlook, study_tables
from recycle.report.ensemble_pictures import draw_study
from recycle.report.results import Results, classes_table, scores_tables, verdict
from recycle.report.rounds import round_sentence, rounds_tables
from recycle.report.sample_pictures import write_sample_pictures
from recycle.report.scoring import score_run

PICTURES = 8


@dataclass(frozen=True)
class TrainedRun:
    """A run whose members are trained.

    Attributes:
        recipe: Its recipe.
        prepared: Its data.
        members: The members that were finished.
        failed: The reason for each member that was given up.
        paths: Its folder.
    """

    recipe: Recipe
    prepared: PreparedData
    members: Sequence[FinishedMember]
    failed: Mapping[str, str]
    paths: RunPaths


@dataclass(frozen=True, eq=False)
class Fused:
    """A run whose models are fused, of whatever task.

    Attributes:
        run: The run.
    """

    run: TrainedRun


@dataclass(frozen=True, eq=False)
class FusedRun(Fused):
    """A run whose models, which find boxes, are fused.

    Attributes:
        members: What its members predicted, in their order there.
        objective: What the search climbed.
        found: What it found.
        ensemble: The fused predictions.
    """

    members: Sequence[MemberPredictions]
    objective: FusionObjective
    found: FoundEnsemble
    ensemble: Ensemble


def fuse_run(run: TrainedRun, console: Console, *, time_budget_s: float | None = None) -> FusedRun:
    """Finds the best ensemble of the models, and fuses it.

    Args:
        run: The run, on a cluster that is connected.
        console: Where progress and results are shown.
        time_budget_s: For the search of fusion settings, see `EnsembleTask`.

    Raises:
        TrainingError: If no member has out-of-fold predictions.
    """
    require_out_of_fold(run, console)
    members = _read_members(run)
    model_oof = pool_out_of_fold(members)
    objective = FusionObjective(model_oof, run.prepared.train, run.prepared.folds, run.recipe.fusion.metric)
    found = find_ensemble(_task(run, objective, time_budget_s), console.print)
    ensemble = fuse_ensemble(
        model_oof,
        fuse_members(members, model_oof.models, run.prepared.test),
        run.prepared.train,
        run.prepared.test,
        run.prepared.folds,
        found.settings,
    )
    return FusedRun(run, members, objective, found, ensemble)


def write_results(fused: FusedRun) -> Results:
    """Scores the ensemble and writes it with the submission."""
    run, study = fused.run, fused.found.study
    results = score_run(
        run.recipe, run.prepared, fused.members, fused.ensemble, study, run.failed, read_rounds(run.paths)
    )
    _write(run, results, fused.ensemble, study)
    return results


def show_results(fused: FusedRun, results: Results, console: Console) -> None:
    """Shows what came out, and writes the report."""
    _show(results, fused.found.study, fused.run.paths, console)
    write_report_or_warn(fused.run.paths, console)


def group_of_image(prepared: PreparedData) -> dict[int, int]:
    """The near-duplicate group of each training image by its id."""
    groups = zip(prepared.train.images, prepared.groups.tolist(), strict=True)
    return {image.id: group for image, group in groups}


def _task(run: TrainedRun, objective: FusionObjective, time_budget_s: float | None) -> EnsembleTask:
    return EnsembleTask(
        objective=objective,
        group_of=group_of_image(run.prepared),
        fusion=run.recipe.fusion,
        seed=run.recipe.seed,
        journal=run.paths.fusion_journal,
        time_budget_s=time_budget_s,
    )


def require_out_of_fold(run: TrainedRun, console: Console) -> None:
    """Writes the report and ends a run that has nothing to find an ensemble by.

    Raises:
        TrainingError: If no member has out-of-fold predictions.
    """
    if not any(entry.oof for entry in run.members):
        write_report_or_warn(run.paths, console)
        reasons = "; ".join(f"{name}: {reason}" for name, reason in run.failed.items())
        raise TrainingError(f"no member that leaves out a fold could be trained: {reasons}")


def _read_members(run: TrainedRun) -> list[MemberPredictions]:
    root = run.paths.root
    return [
        MemberPredictions(
            entry.member,
            entry.model,
            read_parquet(root / entry.oof) if entry.oof else None,
            read_parquet(root / entry.test),
        )
        for entry in run.members
    ]


def _write(run: TrainedRun, results: Results, ensemble: Ensemble, study: EnsembleStudy) -> None:
    paths, prepared = run.paths, run.prepared
    write_parquet(ensemble.oof, paths.predictions(0, "oof", "ensemble"))
    write_parquet(ensemble.test, paths.predictions(0, "test", "ensemble"))
    file_names = {image.id: image.file_name for image in prepared.test.images}
    write_detection_csv(ensemble.test, file_names, paths.submission)
    write_sample_pictures(prepared.train, ensemble.oof, PICTURES, paths.pictures / "oof")
    write_sample_pictures(prepared.test, ensemble.test, PICTURES, paths.pictures / "test")
    draw_study(study, paths.pictures / "fusion")
    write_json(member_times(run), paths.timing, indent=1)
    write_json(study.to_json(), paths.fusion_study, indent=1)
    write_json(results.to_json(), paths.results, indent=1)


def member_times(run: TrainedRun) -> dict[str, object]:
    """The document `timing.json`."""
    return {entry.member: _times(entry) for entry in run.members}


def _times(entry: FinishedMember) -> dict[str, object]:
    return {"seconds": entry.seconds, "attempts": entry.attempts, "host": entry.host}


def _show(results: Results, study: EnsembleStudy, paths: RunPaths, console: Console) -> None:
    for table in (*scores_tables(results), classes_table(results), *study_tables(study)):
        console.print(table)
    console.print(verdict(results))
    console.print(honest_verdict(study))
    console.print(outlook(study))
    show_rest(results, paths, console)


def show_rest(results: Results, paths: RunPaths, console: Console) -> None:
    """Tells of rounds of pseudo labels, of members that were given up, and where everything else lies."""
    for table in rounds_tables(results.rounds):
        console.print(table)
    for one in results.rounds:
        console.print(round_sentence(one))
    for name, reason in results.failed.items():
        console.print(f"Failed: {name}: {reason}")
    console.print(
        f"Results: {paths.results}, submission: {paths.submission}, pictures: {paths.pictures}", soft_wrap=True
    )
