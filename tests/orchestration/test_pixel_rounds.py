"""Rounds of pseudo labels for pixels, on drawn predictions: what is labelled, by whom, and what the gate says."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from recycle.data.label_maps import label_map_of, labels_of
from recycle.data.pseudo_labels import read_pseudo_labels
from recycle.errors import DataError, RecipeError, RecycleError
from recycle.fusion.ensemble import ENSEMBLE
from recycle.fusion.pixel_ensemble import estimate_votes
from recycle.fusion.pixel_joining import PixelJoiningGain
from recycle.fusion.voting import VotingSettings
from recycle.fusion.voting_objective import VotingObjective
from recycle.orchestration.cluster import connected
from recycle.orchestration.finish_by_task import TASK_ROUNDS
from recycle.orchestration.finish_segmentation import FusedPixels, fuse_pixels, write_pixel_results
from recycle.orchestration.joining import read_joining
from recycle.orchestration.pixel_labels import make_pixel_labels, read_believed_pixels
from recycle.orchestration.report import write_report
from recycle.orchestration.round_records import kept_rounds
from recycle.orchestration.rounds import add_rounds
from recycle.paths import Part, RunPaths
from recycle.predictions.label_map_csv import PredictedMap, write_label_map_csv
from recycle.predictions.probabilities import IGNORED, Probabilities, read_probabilities
from recycle.recipe import PseudoLabels, Search
from recycle.report.rounds import RoundReport, labels_data, nothing_sure
from search_spaces.voting import space
from tests.orchestration.drawn_pixel_rounds import (
    SIDE,
    SKILLS,
    PixelTrainer,
    drawn_pixel_run,
    recipe_of_pixels,
    write_drawn_pixels,
)

pytestmark = pytest.mark.training

SETTINGS = PseudoLabels(score_thr=0.6, ignore_thr=0.3)
PRECISE = PseudoLabels(precision=0.8)
MODELS = ("one", "two")
PARTS: tuple[Part, ...] = ("oof", "test")


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FusedPixels]:
    """A run of two fair models, fused, whose recipe asks for a round."""
    run = drawn_pixel_run(tmp_path_factory.mktemp("runs") / "run", recipe_of_pixels(MODELS, SETTINGS))
    with connected():
        yield fuse_pixels(run, Console(file=StringIO()))


def elsewhere(fused: FusedPixels, root: Path) -> FusedPixels:
    """The same, writing to another folder."""
    return replace(fused, run=replace(fused.run, paths=RunPaths(root)))


def files_of(fused: FusedPixels, root: Path, settings: PseudoLabels) -> list[bytes]:
    """The labels of both folds."""
    moved = elsewhere(fused, root)
    make_pixel_labels(moved, (0, 1), settings, None, 1)
    return [moved.run.paths.pseudo_labels(1, fold).read_bytes() for fold in (0, 1)]


def estimated_anew(fused: FusedPixels) -> FusedPixels:
    """With settings for each fold found on the other's images as they are now."""
    prepared = fused.run.prepared
    fold_of = {image.id: prepared.folds.assignment[image.file_name] for image in prepared.train.images}
    objective = VotingObjective.of(fused.models, fused.truth, fold_of)
    choices = partial(space, models=tuple(fused.models), methods=("soft",))
    estimates = [estimate_votes(objective, choices, [VotingSettings()], fold, 6, 0) for fold in (0, 1)]
    return replace(fused, found=replace(fused.found, estimates=estimates))


def of_fold(fused: FusedPixels, fold: int) -> set[int]:
    folds = fused.run.prepared.folds.assignment
    return {image.id for image in fused.run.prepared.train.images if folds[image.file_name] == fold}


def other_answers(fused: FusedPixels) -> FusedPixels:
    """Fold 1's annotations are others, and so is what was predicted of its images, and by the members of fold 0."""
    rng, changed = np.random.default_rng(1), of_fold(fused, 1)
    truth = {i: np.flipud(labels) if i in changed else labels for i, labels in fused.truth.items()}
    models = {
        name: {i: rng.permuted(values, axis=0) if i in changed else values for i, values in images.items()}
        for name, images in fused.models.items()
    }
    return replace(fused, truth=truth, models=models)


def other_members(fused: FusedPixels, folder: Path) -> FusedPixels:
    """The members of fold 0 predict other things of the test images."""
    members = []
    for entry, member in zip(fused.run.members, fused.members, strict=True):
        path = folder / f"{member.member}.npy"
        write_drawn_pixels(fused.run.prepared.test, path, 77, SKILLS["good"])
        members.append(replace(member, test=read_probabilities(path)) if entry.fold == 0 else member)
    return replace(fused, members=members)


@pytest.mark.parametrize("settings", [SETTINGS, PRECISE])
def test_what_a_fold_learns_depends_on_nothing_that_saw_or_tells_of_its_images(
    begun: FusedPixels, tmp_path: Path, settings: PseudoLabels
) -> None:
    """Fold 1's labels stay, whatever its own images hold and whatever members of fold 0 predict; fold 0's change."""
    before = files_of(estimated_anew(begun), tmp_path / "before", settings)
    changed = other_members(other_answers(begun), tmp_path)
    after = files_of(estimated_anew(changed), tmp_path / "after", settings)
    assert b"segmentation" in before[1]
    assert before[1] == after[1]
    assert before[0] != after[0]


def test_labels_are_the_pixels_that_the_vote_is_sure_of(begun: FusedPixels, tmp_path: Path) -> None:
    moved, prepared = elsewhere(begun, tmp_path), begun.run.prepared
    report = make_pixel_labels(moved, ["all"], SETTINGS, None, 1)
    labels = read_pseudo_labels(moved.run.paths.pseudo_labels(1, "all"), prepared.test)
    annotations, weights = labels.annotations_by_image(), begun.found.settings.weight_of(MODELS)
    counted = np.zeros(2, np.int64)
    for place, image in enumerate(prepared.test.images):
        votes = [weights[member.model] * member.test.values[place].astype(float) for member in begun.members]
        shares = np.sum(votes, axis=0) / sum(weights[member.model] for member in begun.members) / 255
        expected = np.where(shares.max(axis=0) >= 0.6, shares.argmax(axis=0), IGNORED)
        drawn = label_map_of(labels, image, annotations[image.id])
        assert drawn.shape == (image.height, image.width)
        centres = ((np.arange(SIDE) + 0.5) * image.height / SIDE).astype(int)
        assert (drawn[np.ix_(centres, centres)] == expected).mean() > 0.99, "but for rounding to bytes"
        counted += np.count_nonzero((expected > 0) & (expected < IGNORED)), np.count_nonzero(expected == IGNORED)
    told = report.folds["all"]
    assert told.images == len(prepared.test.images)
    assert [told.labels, told.ignored] == pytest.approx(counted, rel=0.02)
    assert 0.6 < told.highest_score <= 1
    assert told.all_classes is not None
    assert told.all_classes.labels == told.labels
    assert told.all_classes.precision is not None
    assert told.all_classes.precision > 0.5
    assert labels_data(RoundReport(1, report, None)).columns[2:4] == ("labelled pixels", "ignored pixels")


def test_a_fold_without_a_sure_pixel_is_named_and_its_images_are_left_out(begun: FusedPixels, tmp_path: Path) -> None:
    moved = elsewhere(begun, tmp_path)
    report = make_pixel_labels(moved, [0], PseudoLabels(score_thr=1.0), None, 1)
    assert nothing_sure(report).startswith("no pixel is sure enough to be a label for members of fold 0: the highest")
    assert report.folds["0"].images == 0
    kept = make_pixel_labels(moved, [0], PseudoLabels(score_thr=1.0, keep_empty=True), None, 1)
    assert kept.folds["0"].images == len(begun.run.prepared.test.images)


def test_stricter_precision_gives_higher_thresholds(begun: FusedPixels, tmp_path: Path) -> None:
    moved = elsewhere(begun, tmp_path)
    loose, strict = (
        make_pixel_labels(moved, [0], PseudoLabels(precision=one), None, 1).folds["0"] for one in (0.5, 0.95)
    )
    pairs = [(loose.thresholds[name], strict.thresholds[name]) for name in loose.thresholds]
    assert all(high is None or (low is not None and low <= high) for low, high in pairs)
    assert strict.labels < loose.labels


@pytest.fixture
def source(begun: FusedPixels, tmp_path: Path) -> Path:
    """A file of label maps of the test images, half of class 1."""
    labels = np.zeros((SIDE, SIDE), np.uint8)
    labels[: SIDE // 2] = 1
    path = tmp_path / "best.csv"
    write_label_map_csv((PredictedMap(one.file_name, labels) for one in begun.run.prepared.test.images), path)
    return path


def test_a_file_is_learned_from_by_all_folds_alike_and_every_pixel_of_it_is_sure(
    begun: FusedPixels, tmp_path: Path, source: Path
) -> None:
    moved = elsewhere(begun, tmp_path / "run")
    report = make_pixel_labels(moved, [0, "all"], SETTINGS, source, 1)
    assert not report.is_fold_safe
    told = report.folds["0"]
    images = len(begun.run.prepared.test.images)
    assert (told.images, told.labels, told.ignored) == (images, images * SIDE * SIDE // 2, 0)
    assert len({moved.run.paths.pseudo_labels(1, fold).read_bytes() for fold in (0, "all")}) == 1


@pytest.mark.parametrize(
    ("spoil", "settings", "error", "expected"),
    [
        (lambda text: text.replace("images/", "other/", 1), SETTINGS, DataError, "its images must be among the 10 of"),
        (lambda text: text.replace(",1 ", ",11 ", 1), SETTINGS, DataError, "a label must be below 11, the number of"),
        (lambda text: text.partition("\n")[0] + "\n", SETTINGS, DataError, "must hold label maps of one size, but got"),
        (lambda text: text, PRECISE, RecipeError, "pseudo_labels.precision must not be set for labels from"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(
    begun: FusedPixels,
    source: Path,
    spoil: Callable[[str], str],
    settings: PseudoLabels,
    error: type[RecycleError],
    expected: str,
) -> None:
    source.write_text(spoil(source.read_text()))
    with pytest.raises(error, match=expected):
        read_believed_pixels(source, begun.run.prepared.test, settings)


def round_of(begun: FusedPixels, root: Path, trainer: Callable[[RunPaths], PixelTrainer]) -> tuple[FusedPixels, str]:
    """What stands after a round on a copy of the run, and what was told."""
    shutil.copytree(begun.run.paths.root, root)
    output, fused = StringIO(), fuse_elsewhere(begun, root)
    console = Console(file=output, width=400)
    by_task = TASK_ROUNDS["segmentation"]
    standing = add_rounds(fused, by_task, trainer(fused.run.paths), console, lambda: None)
    return standing, output.getvalue()


def fuse_elsewhere(begun: FusedPixels, root: Path) -> FusedPixels:
    """The ensemble of a copied run, its files those of the copy."""
    moved = elsewhere(begun, root)
    oof, test = (ensemble_of(moved.run.paths, part) for part in PARTS)
    return replace(moved, oof=oof, test=test)


def ensemble_of(paths: RunPaths, part: Part) -> Probabilities:
    return read_probabilities(paths.predictions(0, part, ENSEMBLE, "segmentation"))


def test_a_round_that_makes_the_ensemble_better_is_kept_and_joins_it(begun: FusedPixels, tmp_path: Path) -> None:
    standing, output = round_of(begun, tmp_path / "run", lambda paths: PixelTrainer(SKILLS["good"], paths))
    paths = standing.run.paths
    assert "Round 1 is kept: the score rises by" in output
    assert kept_rounds(paths) == (0, 1)
    assert list(standing.models) == ["one", "two", "one@1", "two@1"]
    results = write_pixel_results(standing)
    (one,) = results.rounds
    assert one.gate is not None
    assert one.gate.ensemble is not None
    assert one.gate.ensemble.low > 0
    assert one.gate.test is not None
    assert one.gate.test[1] > one.gate.test[0]
    assert set(one.gate.models or {}) == {"one@1", "two@1"}
    assert set(one.gate.classes or {}) <= set(labels_of(begun.run.prepared.train))
    assert "Background" in (one.gate.classes or {})
    assert paths.predictions(1, "oof", ENSEMBLE, "segmentation").is_file()
    for part in PARTS:
        paths.predictions(0, part, ENSEMBLE, "segmentation").unlink()
    page = write_report(paths.root).read_text()
    for text in ("Round 1 of pseudo labels is kept", "difference of mIoU; of classes, of IoU", "oof-", "one@1-fold1"):
        assert text in page, "the ensemble that stands is shown"


def test_a_poisoned_round_is_rejected_and_leaves_what_stood(begun: FusedPixels, tmp_path: Path) -> None:
    write_pixel_results(elsewhere(begun, tmp_path / "before"))
    standing, output = round_of(begun, tmp_path / "run", lambda paths: PixelTrainer(SKILLS["good"], paths, shift=1))
    paths = standing.run.paths
    assert "Round 1 is not kept: the score" in output
    assert kept_rounds(paths) == (0,)
    assert list(standing.models) == ["one", "two"]
    write_pixel_results(standing)
    assert paths.submission.read_bytes() == RunPaths(tmp_path / "before").submission.read_bytes()
    for part in PARTS:
        stood, stands = (ensemble_of(fused.run.paths, part) for fused in (begun, standing))
        assert np.array_equal(stood.values, stands.values)

    recipe = begun.run.recipe.model_copy(update={"search": Search(ensemble=str(paths.root))})
    joining = read_joining(recipe, begun.run.prepared)
    assert isinstance(joining, PixelJoiningGain)
    assert tuple(joining.files) == MODELS, "candidates of a search join what stands"
