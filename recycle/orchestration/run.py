"""The whole run, from a recipe and a folder to a submission: the one function behind `jobs/train_all.py`."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from recycle.data.json_files import write_json
from recycle.data.prepare import PreparedData, draw_sample, prepare_data, write_prepared
from recycle.errors import TrainingError
from recycle.fusion.ensemble import Ensemble, MemberPredictions, build_ensemble
from recycle.models.prerequisites import missing_masks
from recycle.orchestration.cluster import connected, node_resources, require_resources
from recycle.orchestration.ledger import FinishedMember, Ledger
from recycle.orchestration.open_run import open_run, origin_of, require_same_data
from recycle.orchestration.plan import plan_members
from recycle.orchestration.train import MemberTraining
from recycle.paths import RunPaths
from recycle.predictions.parquet import read_parquet, write_parquet
from recycle.predictions.submission import write_detection_csv
from recycle.recipe import Recipe
from recycle.recipe.ineffective import settings_without_effect
from recycle.report.progress import Display
from recycle.report.results import Results, classes_table, scores_tables, verdict
from recycle.report.sample_pictures import write_sample_pictures
from recycle.report.scoring import score_run
from recycle.training.class_weights import require_known_classes
from recycle.training.member import MemberOutcome, MemberPlan, TrainingData

PICTURES = 8


def run(recipe: Recipe, data: Path | None, root: Path, *, resume: bool, console: Console) -> Results:
    """Trains every member, predicts, fuses, scores, and writes the submission.

    Args:
        recipe: What to do.
        data: Folder with `annotations.json` and images; None stands for those that the run was begun with, or the
            synthetic sample.
        root: The run folder.
        resume: Whether to continue the run that the folder holds.
        console: Where progress and results are shown; without markup, as class names may look like it.

    Returns:
        The scores, which are also in `results.json`; `failed` names members that were given up.

    Raises:
        RecycleError: With what the user has to mend; what was finished stays in the run folder.
    """
    paths = RunPaths(root)
    with open_run(recipe, paths, resume=resume):
        console.print(f"Checking the data; the run is in {root}")
        data = data or _recorded_data(paths)
        folder = data or draw_sample(recipe.data, recipe.seed, paths)
        prepared = prepare_data(recipe.data, recipe.seed, folder, paths)
        require_same_data(data, prepared.digest, paths)
        write_prepared(prepared, paths)
        _tell_about_data(prepared, paths, console)
        _check_settings(recipe, prepared, console)
        plans = plan_members(recipe, paths, data_digest=prepared.digest)
        ledger = Ledger(paths.ledger)
        failed = _train(recipe, plans, prepared, ledger, paths, console)
        members = _gather(plans, ledger, root)
        if not any(member.oof is not None for member in members):
            reasons = "; ".join(f"{name}: {reason}" for name, reason in failed.items())
            raise TrainingError(f"no member that leaves out a fold could be trained: {reasons}")
        console.print("Searching fusion settings on out-of-fold predictions")
        ensemble = build_ensemble(members, prepared.train, prepared.test, trials=recipe.fusion.trials, seed=recipe.seed)
        results = score_run(recipe, prepared, members, ensemble, failed)
        _write(results, ensemble, prepared, ledger, plans, paths)
        _show(results, paths, console)
        return results


def _recorded_data(paths: RunPaths) -> Path | None:
    origin = origin_of(paths)
    return Path(origin.data) if origin and origin.data else None


def _tell_about_data(prepared: PreparedData, paths: RunPaths, console: Console) -> None:
    console.print(
        f"{len(prepared.train.images)} training images with {len(prepared.train.annotations)} boxes in "
        f"{prepared.folds.count} folds, {len(prepared.test.images)} test images",
    )
    for rule, count in prepared.warnings.items():
        console.print(f"  {rule}: {count} (see {paths.validation_table})")
    for name, groups in prepared.folds.rare_classes.items():
        console.print(f"  {name}: too rare to be in every fold (groups of images that show it: {groups})")


def _check_settings(recipe: Recipe, prepared: PreparedData, console: Console) -> None:
    """Refuses settings that do not go with the data, and warns of those without effect and of missing masks."""
    for model in recipe.models:
        for phase in model.in_phases():
            require_known_classes(phase.losses, prepared.train)
        for line in [*settings_without_effect(model), *missing_masks(model, prepared.train)]:
            console.print(f"Warning: {model.name}: {line}")


def _train(
    recipe: Recipe,
    plans: Sequence[MemberPlan],
    prepared: PreparedData,
    ledger: Ledger,
    paths: RunPaths,
    console: Console,
) -> dict[str, str]:
    """Trains what the ledger does not hold yet; gives the reasons of members that were given up."""
    missing = [plan for plan in plans if ledger.finished(plan.key) is None]
    if len(missing) < len(plans):
        console.print(f"{len(plans) - len(missing)} of {len(plans)} members were finished before")
    if not missing:
        return {}

    def record(plan: MemberPlan, outcome: MemberOutcome, attempts: int) -> None:
        ledger.append(_entry(plan, outcome, attempts, paths.root.absolute()))

    with connected(), Display(console) as display:
        require_resources({plan.settings.name: plan.settings for plan in missing}.values(), node_resources())
        return MemberTraining(
            missing,
            TrainingData(prepared.train, prepared.test, prepared.folds),
            retries=recipe.retries,
            on_finished=record,
            display=display,
            progress_file=paths.progress,
        ).run()


def _entry(plan: MemberPlan, outcome: MemberOutcome, attempts: int, root: Path) -> FinishedMember:
    return FinishedMember(
        key=plan.key,
        round_index=0,
        member=plan.name,
        model=plan.settings.name,
        fold=plan.fold,
        oof=str(plan.oof.relative_to(root)) if plan.oof else None,
        test=str(plan.test.relative_to(root)),
        checkpoint=str(outcome.checkpoint.relative_to(root)),
        seconds=outcome.seconds,
        attempts=attempts,
        host=outcome.host,
    )


def _gather(plans: Sequence[MemberPlan], ledger: Ledger, root: Path) -> list[MemberPredictions]:
    finished = [entry for plan in plans if (entry := ledger.finished(plan.key))]
    return [
        MemberPredictions(
            entry.member,
            entry.model,
            read_parquet(root / entry.oof) if entry.oof else None,
            read_parquet(root / entry.test),
        )
        for entry in finished
    ]


def _write(
    results: Results,
    ensemble: Ensemble,
    prepared: PreparedData,
    ledger: Ledger,
    plans: Sequence[MemberPlan],
    paths: RunPaths,
) -> None:
    write_parquet(ensemble.oof, paths.predictions(0, "oof", "ensemble"))
    write_parquet(ensemble.test, paths.predictions(0, "test", "ensemble"))
    file_names = {image.id: image.file_name for image in prepared.test.images}
    write_detection_csv(ensemble.test, file_names, paths.submission)
    write_sample_pictures(prepared.train, ensemble.oof, PICTURES, paths.pictures / "oof")
    write_sample_pictures(prepared.test, ensemble.test, PICTURES, paths.pictures / "test")
    timing = {plan.name: entry for plan in plans if (entry := ledger.finished(plan.key))}
    write_json({name: _times(entry) for name, entry in timing.items()}, paths.timing, indent=1)
    write_json(results.to_json(), paths.results, indent=1)


def _times(entry: FinishedMember) -> dict[str, object]:
    return {"seconds": entry.seconds, "attempts": entry.attempts, "host": entry.host}


def _show(results: Results, paths: RunPaths, console: Console) -> None:
    for table in scores_tables(results):
        console.print(table)
    console.print(classes_table(results))
    console.print(verdict(results))
    for name, reason in results.failed.items():
        console.print(f"Failed: {name}: {reason}")
    console.print(f"Results: {paths.results}, submission: {paths.submission}")
