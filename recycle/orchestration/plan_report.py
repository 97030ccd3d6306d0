"""What a run will take, found out without training anything: the function behind `train_all.py --plan`."""

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from recycle.data.prepare import PreparedData, prepare_data
from recycle.orchestration.cluster import require_resources
from recycle.orchestration.data_source import data_source
from recycle.orchestration.expectation import expect
from recycle.orchestration.member_names import folds_of, member_name
from recycle.orchestration.nodes import Needs, Node
from recycle.orchestration.probing import probe_models
from recycle.orchestration.scheduling import Job, seconds_until_done
from recycle.paths import RunPaths, probes_folder
from recycle.recipe import Fold, Model, PseudoLabels, Recipe
from recycle.report.plan import Plan, PlannedMember, plan_summary, plan_table

IMAGES_OF_REFERENCE = 4883
"""Training photographs of the reference competition."""

CountImages = Callable[[Fold], int]


def foresee(recipe: Recipe, data: str, gpus: int | None, *, probe: bool, console: Console) -> None:
    """Prints what a run would take; trains nothing, but for a few steps of each model if it is to be measured.

    Args:
        recipe: What would be done.
        data: Folder with `annotations.json` and images, or its address, which is read, checked and divided as a run
            would do it; empty for none.
        gpus: As for `show_plan`.
        probe: Whether to measure each model first, and keep that for later plans.
        console: Where it is printed.

    Raises:
        RecycleError: With what the user has to mend.
    """
    with data_source(data, recipe.data.copy_gib) as source:
        prepared = _prepared(recipe, source.folder) if source.folder else None
    if probe:
        probe_models(recipe, prepared, probes_folder(), console)
    show_plan(recipe, prepared, gpus, probes_folder(), console)


def show_plan(recipe: Recipe, prepared: PreparedData | None, gpus: int | None, probes: Path, console: Console) -> None:
    """Prints members, resources, steps, and expected memory and time.

    Args:
        recipe: What would be done.
        prepared: The data; if None, as many images as the reference competition had.
        gpus: How many GPUs there are, beside whatever else members ask for; if None, this machine's CPU cores where no
            model asks for a GPU, else one GPU.
        probes: Folder of measured speeds.
        console: Where it is printed.

    Raises:
        ResourceError: If a model asks for more.
        DataError: If a file of measured speeds does not hold one.
    """
    pool, machine = _machine(recipe, gpus)
    require_resources(recipe.models, [Node("", pool)])
    if prepared is None:
        count, images = _assumed(recipe), f"{IMAGES_OF_REFERENCE:,} training images assumed, as no --data was given"
    else:
        count, images = _counted(prepared), f"{len(prepared.train.images):,} training images"
    rounds = [
        [
            _planned(model, fold, count(fold), probes, recipe.pseudo_labels if index else None)
            for model, fold in _trained(recipe, index)
        ]
        for index in range(recipe.rounds + 1)
    ]
    members = [member for one in rounds for member in one]
    # A round waits for the one before, whose predictions it learns from.
    plan = Plan(members, sum(seconds_until_all_are_done(one, pool) for one in rounds), machine, images)
    console.print(plan_table(plan))
    for line in plan_summary(plan):
        console.print(line)


def seconds_until_all_are_done(members: Sequence[PlannedMember], pool: Mapping[str, float]) -> float:
    """Plays through how members share a machine, by the policy that a run has.

    Args:
        members: What is to be done; each fits on the empty machine.
        pool: What the machine has, under Ray's names.
    """
    jobs = [Job(member.name, Needs.of(member.settings.resources), member.seconds) for member in members]
    return seconds_until_done(jobs, [Node("", pool)])


def _trained(recipe: Recipe, round_index: int) -> Iterator[tuple[Model, Fold]]:
    for model in recipe.models_in(round_index):
        for fold in folds_of(model, recipe):
            yield model, fold


def _prepared(recipe: Recipe, data: Path) -> PreparedData:
    with TemporaryDirectory() as folder:
        return prepare_data(recipe.data, recipe.seed, data, RunPaths(Path(folder)), recipe.task)


def _planned(model: Model, fold: Fold, images: int, probes: Path, pseudo: PseudoLabels | None) -> PlannedMember:
    expected = expect(model, images, probes, pseudo)
    return PlannedMember(
        member_name(model, fold), model, expected.steps, expected.seconds, expected.memory_gib, expected.measured_on
    )


def _machine(recipe: Recipe, gpus: int | None) -> tuple[dict[str, float], str]:
    """What members share, under Ray's names and in words."""
    if gpus is None and not any(model.resources.num_gpus for model in recipe.models):
        cores = os.cpu_count() or 1
        return {"CPU": cores, "memory": math.inf}, f"this machine's {cores} CPU cores"
    count = gpus or 1
    return {"CPU": math.inf, "GPU": count, "memory": math.inf}, f"{count} GPU{'s' if count > 1 else ''}"


def _assumed(recipe: Recipe) -> CountImages:
    outside = IMAGES_OF_REFERENCE - IMAGES_OF_REFERENCE // recipe.data.folds
    return lambda fold: IMAGES_OF_REFERENCE if fold == "all" else outside


def _counted(prepared: PreparedData) -> CountImages:
    folds = list(prepared.folds.assignment.values())
    return lambda fold: len(prepared.train.images) - folds.count(fold)  # type: ignore[arg-type]
