"""The whole run, from a recipe and a folder to a submission: the one function behind `jobs/train_all.py`."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from recycle.data.copy_paste import require_suitable
from recycle.data.prepare import PreparedData, draw_sample, prepare_data, write_prepared
from recycle.models.prerequisites import missing_masks
from recycle.orchestration.attempt_log import AttemptLog
from recycle.orchestration.cluster import connected, node_resources, require_resources
from recycle.orchestration.copy_paste import paste_into_folds
from recycle.orchestration.finish import TrainedRun
from recycle.orchestration.finish_by_task import finish
from recycle.orchestration.image_caches import image_caches_removed
from recycle.orchestration.ledger import FinishedMember, Ledger
from recycle.orchestration.open_run import open_run, recorded_data, require_same_data
from recycle.orchestration.plan import image_cache_name, plan_members
from recycle.orchestration.train import MemberTraining
from recycle.paths import RunPaths
from recycle.recipe import Recipe
from recycle.recipe.ineffective import settings_without_effect
from recycle.report.progress import Display
from recycle.report.results import Results
from recycle.training.class_weights import require_known_classes
from recycle.training.member import MemberOutcome, MemberPlan, TrainingData


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
        prepared = _prepare(recipe, data, paths, console)
        plans = plan_members(recipe, paths, data_digest=prepared.digest)
        ledger = Ledger(paths.ledger)
        with connected():
            failed = _train(recipe, plans, prepared, ledger, paths, console)
            finished = [entry for plan in plans if (entry := ledger.finished(plan.key))]
            return finish(TrainedRun(recipe, prepared, finished, failed, paths), console)


def _prepare(recipe: Recipe, data: Path | None, paths: RunPaths, console: Console) -> PreparedData:
    console.print(f"Checking the data; the run is in {paths.root}")
    data = data or recorded_data(paths)
    folder = data or draw_sample(recipe.data, recipe.seed, paths)
    prepared = prepare_data(recipe.data, recipe.seed, folder, paths, recipe.task)
    require_same_data(data, prepared.digest, paths)
    write_prepared(prepared, paths)
    _tell_about_data(prepared, paths, console)
    _check_settings(recipe, prepared, console)
    return prepared


def _tell_about_data(prepared: PreparedData, paths: RunPaths, console: Console) -> None:
    console.print(
        f"{len(prepared.train.images)} training images with {len(prepared.train.annotations)} objects in "
        f"{prepared.folds.count} folds, {len(prepared.test.images)} test images",
    )
    for rule, count in prepared.warnings.items():
        console.print(f"  {rule}: {count} (see {paths.validation_table})")
    for name, groups in prepared.folds.rare_classes.items():
        console.print(f"  {name}: too rare to be in every fold (groups of images that show it: {groups})")


def _check_settings(recipe: Recipe, prepared: PreparedData, console: Console) -> None:
    """Refuses settings that do not go with the data, and warns of those without effect and of missing masks."""
    if recipe.data.copy_paste is not None:
        require_suitable(prepared.train, recipe.data.copy_paste)
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

    with Display(console) as display, image_caches_removed(image_cache_name(paths)):
        require_resources({plan.settings.name: plan.settings for plan in missing}.values(), node_resources())
        pasted = paste_into_folds(recipe, prepared, [plan.fold for plan in missing], paths, display.log)
        return MemberTraining(
            missing,
            TrainingData(prepared.train, prepared.test, prepared.folds, pasted),
            retries=recipe.retries,
            on_finished=record,
            display=display,
            progress_file=paths.progress,
            attempt_log=AttemptLog(paths.attempts),
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
