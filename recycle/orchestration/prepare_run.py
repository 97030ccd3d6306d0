"""The first stage of a run, and of a search: its data, checked and divided before anything trains."""

from rich.console import Console

from recycle.data.copy_paste import require_suitable
from recycle.data.prepare import PreparedData, draw_sample, prepare_data, write_prepared
from recycle.models.prerequisites import missing_masks
from recycle.orchestration.data_source import DataSource
from recycle.orchestration.open_run import require_same_data
from recycle.paths import RunPaths
from recycle.recipe import Recipe
from recycle.recipe.ineffective import settings_without_effect
from recycle.training.class_weights import require_known_classes


def prepare_run(recipe: Recipe, source: DataSource, paths: RunPaths, console: Console) -> PreparedData:
    """Checks and divides the data that a run, or a search, is begun or continued with.

    Args:
        recipe: The recipe.
        source: The data.
        paths: The run folder.
        console: Where it is told about.

    Raises:
        RecycleError: With what the user has to mend.
    """
    console.print(f"Checking the data; the run is in {paths.root}", soft_wrap=True)
    folder = source.folder or draw_sample(recipe.data, recipe.seed, paths)
    prepared = prepare_data(recipe.data, recipe.seed, folder, paths, recipe.task)
    require_same_data(source.name, prepared.digest, paths)
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
        console.print(f"  {rule}: {count} (see {paths.validation_table})", soft_wrap=True)
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
