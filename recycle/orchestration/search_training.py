"""The search of a model's training settings, from a recipe to a better one: behind `jobs/search_training.py`."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from recycle.data.json_files import write_json
from recycle.data.prepare import PreparedData
from recycle.errors import RecipeError, TrainingError
from recycle.evaluation.seeds import SeedsComparison
from recycle.orchestration.candidate_space import CandidateSpace, candidate_space
from recycle.orchestration.candidates import CandidateTrial, small_training_data
from recycle.orchestration.cluster import cluster_nodes, connected, require_resources
from recycle.orchestration.copy_paste import paste_into_folds
from recycle.orchestration.data_source import data_source
from recycle.orchestration.early_stopping import StoppingRules
from recycle.orchestration.finals import Finals, FinalsPlan, name_of
from recycle.orchestration.image_caches import image_caches_removed
from recycle.orchestration.joining import ensemble_digest, read_joining
from recycle.orchestration.open_run import open_run, recorded_data
from recycle.orchestration.plan import digest, image_cache_name
from recycle.orchestration.prepare_run import prepare_run
from recycle.orchestration.search_time import SearchTime, seconds_known, time_remarks
from recycle.orchestration.trial_budget import TrialBudget
from recycle.orchestration.trial_loggers import trial_loggers
from recycle.orchestration.trial_records import importances, records_of
from recycle.orchestration.trials import TrialSearch, run_trials, trials_side_by_side
from recycle.paths import RunPaths
from recycle.recipe import Model, Recipe
from recycle.recipe.changes import model_named, shrunk, with_changes
from recycle.recipe_yaml import write_recipe
from recycle.report.ensemble import TITLES
from recycle.report.page.render import write_page
from recycle.report.page.training_search import page_of
from recycle.report.training_search import DEFAULT, Finalist, Importances, TrainingStudy, TrialRecord, verdict
from recycle.training.member import TrainingData


@dataclass(frozen=True)
class _Searched:
    """What every step of a search needs.

    Attributes:
        recipe: The recipe.
        model: The searched model.
        prepared: The data.
        candidates: Makes and trains candidates.
        data: What members at full size are trained on; nobody needs their predictions of test images.
        time: The time there is.
        console: Where progress is shown.
    """

    recipe: Recipe
    model: Model
    prepared: PreparedData
    candidates: CandidateTrial
    data: TrainingData
    time: SearchTime
    console: Console

    @property
    def side_by_side(self) -> int:
        return trials_side_by_side(self.model.resources, cluster_nodes())


def search_training(
    recipe: Recipe,
    data: str,
    root: Path,
    model: str,
    *,
    resume: bool,
    seconds: float = math.inf,
    console: Console,
) -> TrainingStudy:
    """Searches, trains the best at full size, and writes the winner as a recipe.

    Args:
        recipe: What to do, `search` in particular.
        data: Folder with `annotations.json` and images, or its address; if empty, those that the search was begun with,
            or the synthetic sample.
        root: Folder of the search.
        model: Name of the model.
        resume: Whether to continue the search that the folder holds.
        seconds: When all must be over, from now.
        console: Where progress and results are shown.

    Returns:
        What was tried and found, which is also in `training-search.json`.

    Raises:
        RecycleError: With what the user has to mend; what was finished stays in the folder.
    """
    began = time.monotonic()
    searched = model_named(recipe, model)
    _require_one_process(searched)
    space = candidate_space(recipe.search_space, recipe, searched)
    loggers = trial_loggers(recipe)
    paths = RunPaths(root)
    with (
        open_run(recipe, paths, resume=resume),
        data_source(data or recorded_data(paths), recipe.data.copy_gib) as source,
    ):
        prepared = prepare_run(recipe, source, paths, console)
        with connected(), image_caches_removed(image_cache_name(paths)):
            require_resources([searched], cluster_nodes())
            pasted = paste_into_folds(recipe, prepared, recipe.search.folds, paths, console.print)
            none = prepared.test.subset(())
            whole = TrainingData(prepared.train, none, prepared.folds, pasted, source.remote, recipe.data.copy_gib)
            candidates = _candidates(recipe, searched, prepared, whole, paths)
            limit = SearchTime(began, seconds, recipe.search, searched)
            work = _Searched(recipe, searched, prepared, candidates, whole, limit, console)
            study = _search(work, space, loggers)
            _write(study, recipe, paths)
    _show(study, paths, console)
    return study


def _require_one_process(model: Model) -> None:
    if model.resources.processes > 1:
        raise RecipeError(
            f"a search trains each candidate in one process, so resources.num_gpus of model {model.name!r} must be at "
            f"most 1, but got num_gpus={model.resources.num_gpus:g}"
        )


def _candidates(
    recipe: Recipe, model: Model, prepared: PreparedData, whole: TrainingData, paths: RunPaths
) -> CandidateTrial:
    fraction = recipe.search.small.data_fraction
    return CandidateTrial(
        recipe=recipe,
        model=model.name,
        data=small_training_data(whole, prepared.groups, recipe.task, recipe.search.folds, fraction, recipe.seed),
        digest=digest([prepared.digest, fraction]),
        paths=paths,
        joining=read_joining(recipe, prepared),
    )


def _search(work: _Searched, space: CandidateSpace, loggers: Sequence[Any]) -> TrainingStudy:
    recipe, paths = work.recipe, work.candidates.paths
    what, side_by_side = _trial_search(work, space), work.side_by_side
    steps = what.rules.steps
    budget = TrialBudget(steps, work.time.ends_at, lambda known: work.time.reserve(known, side_by_side))
    work.console.print(f"Searching {recipe.search_space} for {work.model.name}")
    study = run_trials(
        what,
        paths.training_journal,
        paths.search_logs,
        trials=recipe.search.trials,
        budget=budget,
        tell=work.console.print,
        callbacks=loggers,
    )
    trials = records_of(study)
    seconds_a_trial = budget.seconds_a_trial or seconds_known(trials, steps)
    return _finals(work, trials, importances(study, recipe.seed), seconds_a_trial)


def _trial_search(work: _Searched, space: CandidateSpace) -> TrialSearch:
    recipe = work.recipe
    return TrialSearch(
        name=_study_name(work),
        train=work.candidates,
        space=space.suggest,
        start=space.start,
        rules=StoppingRules.of(recipe.search, shrunk(work.model, recipe.search.small).epochs),
        resources=work.model.resources,
        seed=recipe.seed,
        forget=work.candidates.forget,
    )


def _finals(
    work: _Searched, trials: Sequence[TrialRecord], shares: Importances, seconds_a_trial: float | None
) -> TrainingStudy:
    """Ranks the best trials at full size and compares the winner with the default, as far as there is time."""
    planned = work.time.finals(seconds_a_trial, work.side_by_side)
    began = time.monotonic()
    best = sorted((one for one in trials if one.value is not None), key=lambda one: one.value or 0.0, reverse=True)
    rivals = [one for one in best if one.changes][: planned.finalists]
    finals = Finals(work.candidates, work.data, work.time.end_of_finals(seconds_a_trial), work.console)
    finalists = finals.rank(rivals, next((one for one in best if not one.changes), None)) if rivals else []
    challenger = next((one.name for one in finalists if one.name != DEFAULT and one.full is not None), "")
    rounds = math.ceil((len(rivals) + 1) / work.side_by_side)
    seeds = work.time.seeds((time.monotonic() - began) / rounds, work.side_by_side) if challenger else 0
    remarks = time_remarks(work.time.wanted, FinalsPlan(planned.finalists, seeds))
    compared: SeedsComparison | None = None
    if seeds:
        try:
            compared = finals.compare(challenger, seeds)
        except TrainingError as error:
            remarks.append(f"The best was not compared with the default: {error}")
    winner = _winner(best, finalists, challenger, compared)
    value = _value(work.recipe)
    return TrainingStudy(work.model.name, value, trials, shares, finalists, winner, challenger, compared, remarks)


def _winner(
    best: Sequence[TrialRecord], finalists: Sequence[Finalist], challenger: str, compared: SeedsComparison | None
) -> str:
    """By what is known best: means over seeds, else scores at full size, else values of trials, the best first."""
    if compared:
        return challenger if compared.difference > 0 else DEFAULT
    if finalists:
        return finalists[0].name
    return name_of(best[0]) if best and best[0].changes else DEFAULT


def _value(recipe: Recipe) -> str:
    title = TITLES[recipe.search_metric]
    return f"gain of the ensemble in {title}" if recipe.search.ensemble else title


def _study_name(work: _Searched) -> str:
    """Names a search by all that its values depend on, so that no other continues it."""
    search, candidates = work.recipe.search, work.candidates
    model = work.model.model_dump(mode="json", exclude={"resources"})
    settings = search.model_dump(mode="json", include={"folds", "small"})
    sought = [work.recipe.search_space, work.recipe.search_metric, ensemble_digest(work.recipe)]
    return f"training-{work.model.name}-{digest([model, settings, sought, candidates.digest, work.recipe.seed])[:12]}"


def _write(study: TrainingStudy, recipe: Recipe, paths: RunPaths) -> None:
    changes = next((one.changes for one in study.trials if name_of(one) == study.winner), {})
    write_recipe(with_changes(recipe, study.model, changes), paths.winner)
    write_json(study.to_json(), paths.training_study, indent=1)
    write_page(page_of(study, paths.root.name), paths.training_report)


def _show(study: TrainingStudy, paths: RunPaths, console: Console) -> None:
    for remark in study.remarks:
        console.print(remark)
    console.print(verdict(study))
    console.print(f"Winner: {paths.winner}, report: {paths.training_report}", soft_wrap=True)
