"""From the label probabilities of members to the ensemble: found, scored, written, and shown."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from recycle.data.coco import Dataset
from recycle.data.json_files import write_json
from recycle.data.label_maps import label_maps, labels_of
from recycle.evaluation.segmentation import PixelCounts
from recycle.fusion.ensemble import ENSEMBLE
from recycle.fusion.pixel_ensemble import MemberPixels, model_test_votes, pool_pixels_out_of_fold, write_fused
from recycle.fusion.voting import VotingSettings, fuse_image, labels_of_shares
from recycle.fusion.voting_objective import LabelMap
from recycle.orchestration.finish import (
    Fused,
    TrainedRun,
    group_of_image,
    member_times,
    require_out_of_fold,
    show_rest,
)
from recycle.orchestration.refinement import RefinementTask, judge_refinement, refine_file
from recycle.orchestration.report import write_report_or_warn
from recycle.orchestration.round_records import read_rounds
from recycle.orchestration.voting import FoundVotes, VotingTask, find_votes
from recycle.paths import Part
from recycle.predictions.label_map_csv import PredictedMap, write_label_map_csv
from recycle.predictions.probabilities import (
    Bytes,
    ImageProbabilities,
    Probabilities,
    by_image,
    read_probabilities,
    to_bytes,
)
from recycle.recipe import SMP, Task
from recycle.report.ensemble import honest_verdict
from recycle.report.label_map_pictures import write_label_map_pictures
from recycle.report.results import Results, classes_table, scores_tables, verdict
from recycle.report.segmentation_scoring import SegmentationRunScores, score_segmentation_run
from recycle.report.voting_study import RefinementWorth, VotingStudy, refinement_verdict, voting_tables

TASK: Task = "segmentation"
PICTURES = 8


@dataclass(frozen=True)
class _Fused:
    """The ensemble's out-of-fold predictions, on disk, and their pixels."""

    predictions: Probabilities
    counts: PixelCounts


@dataclass(frozen=True, eq=False)
class FusedPixels(Fused):
    """A run whose models, which label pixels, are fused; predictions of the ensemble lie on disk.

    Attributes:
        members: What its members predicted, in their order there.
        models: Out-of-fold predictions of each model.
        truth: Label map of each training image that any model predicted, at the size of predictions.
        found: How the models vote.
        oof: The ensemble's out-of-fold predictions.
        counts: Their pixels.
        test: Its predictions of the test images.
        study: What is known of it.
    """

    members: Sequence[MemberPixels]
    models: Mapping[str, ImageProbabilities]
    truth: Mapping[int, LabelMap]
    found: FoundVotes
    oof: Probabilities
    counts: PixelCounts
    test: Probabilities
    study: VotingStudy


def fuse_pixels(run: TrainedRun, console: Console, *, time_budget_s: float | None = None) -> FusedPixels:
    """Finds the best votes of the models, and fuses them.

    The ensemble's predictions are written to the latest round of its members, so those of an ensemble without that
    round's stay.

    Args:
        run: The run, on a cluster that is connected.
        console: Where progress is shown.
        time_budget_s: For the search of votes, see `VotingTask`.

    Raises:
        TrainingError: If no member has out-of-fold predictions.
    """
    require_out_of_fold(run, console)
    members = _read_members(run)
    models = pool_pixels_out_of_fold(members)
    truth = _truth(run, run.prepared.train, {image_id for images in models.values() for image_id in images})
    found = find_votes(_voting_task(run, models, truth, time_budget_s), console.print)
    oof, refinement = _fuse_out_of_fold(run, models, truth, found, console)
    is_refined = refinement is not None and refinement.is_kept
    test = _fuse_test(run, members, tuple(models), found.settings, is_refined=is_refined)
    study = _study(run, models, found, refinement)
    return FusedPixels(run, members, models, truth, found, oof.predictions, oof.counts, test, study)


def write_pixel_results(fused: FusedPixels) -> Results:
    """Scores the ensemble and writes it with the submission."""
    run = fused.run
    scores = SegmentationRunScores(fused.found.counts, fused.counts, fused.members, tuple(fused.models), fused.test)
    results = score_segmentation_run(
        run.recipe, run.prepared, scores, fused.study, run.failed, truth_of_test(run), read_rounds(run.paths)
    )
    _write(run, results, fused.oof, fused.test, fused.study)
    return results


def show_pixel_results(fused: FusedPixels, results: Results, console: Console) -> None:
    """Shows what came out, and writes the report."""
    _show(results, fused.study, fused.run, console)
    write_report_or_warn(fused.run.paths, console)


def truth_of_test(run: TrainedRun) -> dict[int, LabelMap] | None:
    """The label map of each test image at the size of predictions; None where answers are not known."""
    test = run.prepared.test
    return _truth(run, test, {image.id for image in test.images}) if run.prepared.has_answers else None


def _read_members(run: TrainedRun) -> list[MemberPixels]:
    root = run.paths.root
    return [
        MemberPixels(
            entry.member,
            entry.model,
            read_probabilities(root / entry.oof) if entry.oof else None,
            read_probabilities(root / entry.test),
        )
        for entry in run.members
    ]


def _size(run: TrainedRun) -> tuple[int, int]:
    sizes = {model.label_map_size for model in run.recipe.models if isinstance(model, SMP)}
    (side,) = sizes  # the recipe has seen to it
    return side, side


def _truth(run: TrainedRun, dataset: Dataset, image_ids: set[int]) -> dict[int, LabelMap]:
    maps = label_maps(dataset.subset(image_ids), _size(run))
    return {image.id: labels for image, labels in maps}


def _path(run: TrainedRun, part: Part) -> Path:
    newest = max(entry.round_index for entry in run.members)
    return run.paths.predictions(newest, part, ENSEMBLE, TASK)


def _voting_task(
    run: TrainedRun,
    models: Mapping[str, ImageProbabilities],
    truth: Mapping[int, LabelMap],
    time_budget_s: float | None,
) -> VotingTask:
    folds = run.prepared.folds.assignment
    return VotingTask(
        models=models,
        truth=truth,
        fold_of={image.id: folds[image.file_name] for image in run.prepared.train.images},
        group_of=group_of_image(run.prepared),
        voting=run.recipe.voting,
        seed=run.recipe.seed,
        journal=run.paths.fusion_journal,
        time_budget_s=time_budget_s,
    )


def _fuse_out_of_fold(
    run: TrainedRun,
    models: Mapping[str, ImageProbabilities],
    truth: Mapping[int, LabelMap],
    found: FoundVotes,
    console: Console,
) -> tuple[_Fused, RefinementWorth | None]:
    """Votes, and refines where that helps."""
    path = _path(run, "oof")
    before = found.counts[found.fusion]
    fused = _voted(models, before.image_ids.tolist(), found.settings)
    voted = write_fused(path, fused, len(before.image_ids), (_classes(run), *_size(run)))
    crf = run.recipe.voting.crf
    if crf is None:
        return _Fused(voted, before), None
    console.print("Refining out-of-fold label maps by a conditional random field")
    refined_path = path.with_name(f"{ENSEMBLE}-refined{path.suffix}")
    shape = (voted.classes, *voted.size)
    refined = write_fused(refined_path, refine_file(run.prepared.train, path, crf), len(voted), shape)
    names = labels_of(run.prepared.train)
    group_of = group_of_image(run.prepared)
    task = RefinementTask(run.prepared.train, truth, names, group_of, crf, run.recipe.seed)
    worth, after = judge_refinement(task, by_image([refined]), before)
    if not worth.is_kept:
        refined_path.unlink()
        return _Fused(voted, before), worth
    refined_path.replace(path)
    return _Fused(read_probabilities(path), after), worth


def _voted(
    models: Mapping[str, ImageProbabilities], image_ids: Sequence[int], settings: VotingSettings
) -> Iterator[tuple[int, Bytes]]:
    for image_id in image_ids:
        shares = fuse_image(models, image_id, settings)
        assert shares is not None
        yield image_id, to_bytes(shares)


def _fuse_test(
    run: TrainedRun, members: list[MemberPixels], models: tuple[str, ...], settings: VotingSettings, *, is_refined: bool
) -> Probabilities:
    path, test = _path(run, "test"), run.prepared.test
    ids, shape = [image.id for image in test.images], (_classes(run), *_size(run))

    def voted() -> Iterator[tuple[int, Bytes]]:
        for image_id, votes in model_test_votes(members, models, ids):
            yield from _voted(votes, [image_id], settings)

    predictions = write_fused(path, voted(), len(ids), shape)
    crf = run.recipe.voting.crf
    return write_fused(path, refine_file(test, path, crf), len(ids), shape) if crf and is_refined else predictions


def _classes(run: TrainedRun) -> int:
    return len(labels_of(run.prepared.train))


def _study(
    run: TrainedRun, models: Mapping[str, ImageProbabilities], found: FoundVotes, refinement: RefinementWorth | None
) -> VotingStudy:
    weights = found.settings.weight_of(tuple(models))
    return VotingStudy(
        metric="miou",
        parameters={
            "method": found.settings.method,
            **{f"weight {name}": int(weight) for name, weight in weights.items()},
            "crf": run.recipe.voting.crf is not None and refinement is not None and refinement.is_kept,
        },
        trials=found.trials,
        pooled=found.pooled,
        held_out=found.held_out,
        leave_one_out=found.leave_one_out,
        refinement=refinement,
    )


def _write(run: TrainedRun, results: Results, oof: Probabilities, test: Probabilities, study: VotingStudy) -> None:
    paths, prepared = run.paths, run.prepared
    write_label_map_csv(_submitted(prepared.test, test), paths.submission)
    write_label_map_pictures(prepared.train, by_image([oof]), PICTURES, paths.pictures / "oof")
    write_label_map_pictures(prepared.test, by_image([test]), PICTURES, paths.pictures / "test")
    write_json(member_times(run), paths.timing, indent=1)
    write_json(study.to_json(), paths.fusion_study, indent=1)
    write_json(results.to_json(), paths.results, indent=1)


def _submitted(dataset: Dataset, predictions: Probabilities) -> Iterator[PredictedMap]:
    opened = by_image([predictions])
    for image in dataset.images:
        yield PredictedMap(image.file_name, labels_of_shares(opened[image.id]))


def _show(results: Results, study: VotingStudy, run: TrainedRun, console: Console) -> None:
    for table in (*scores_tables(results), classes_table(results), *voting_tables(study)):
        console.print(table)
    for line in (verdict(results), honest_verdict(study), refinement_verdict(study)):
        if line:
            console.print(line)
    show_rest(results, run.paths, console)
