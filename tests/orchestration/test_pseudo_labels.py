"""The labels of a round on a run: from its fold's members alone, or from a file that fits."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recycle.errors import DataError, RecipeError, RecycleError
from recycle.orchestration.finish import FusedRun
from recycle.orchestration.pseudo_labels import make_labels
from recycle.paths import RunPaths
from recycle.predictions.submission import write_detection_csv
from recycle.predictions.values import Predictions
from recycle.recipe import PseudoLabels
from recycle.report.rounds import nothing_sure
from tests.orchestration.drawn_rounds import fair, fused_run, prepared_of, trained_run
from tests.orchestration.drawn_runs import recipe_of, write_drawn_run

SETTINGS = PseudoLabels(score_thr=0.6, ignore_thr=0.3)
PRECISE = PseudoLabels(precision=0.6, ignore_thr=0.3)
FOLDS = 3


@pytest.fixture(scope="module")
def fused(tmp_path_factory: pytest.TempPathFactory) -> FusedRun:
    """A run of two models and three folds."""
    paths = write_drawn_run(tmp_path_factory.mktemp("runs") / "run", recipe_of(["one", "two"], folds=FOLDS), images=40)
    return fused_run(trained_run(paths))


def labels_of(fused: FusedRun, folder: Path, settings: PseudoLabels = SETTINGS) -> dict[int, bytes]:
    """The file of each fold."""
    paths = RunPaths(folder)
    moved = replace(fused, run=replace(fused.run, paths=paths))
    make_labels(moved, range(FOLDS), settings, None, 1)
    return {fold: paths.pseudo_labels(1, fold).read_bytes() for fold in range(FOLDS)}


@pytest.mark.parametrize("settings", [SETTINGS, PRECISE])
def test_labels_of_a_fold_come_from_its_members_alone(fused: FusedRun, tmp_path: Path, settings: PseudoLabels) -> None:
    """Other predictions of the members of fold 1 change what is learned for fold 1, and nothing else."""
    before = labels_of(fused, tmp_path / "before", settings)
    members = [
        replace(member, test=fair(fused.run.prepared.test, member.model, 77)) if entry.fold == 1 else member
        for entry, member in zip(fused.run.members, fused.members, strict=True)
    ]
    after = labels_of(replace(fused, members=members), tmp_path / "after", settings)
    assert [fold for fold in before if before[fold] != after[fold]] == [1]


def test_files_are_named_by_round_and_fold(fused: FusedRun, tmp_path: Path) -> None:
    labels_of(fused, tmp_path)
    names = sorted(path.name for path in (tmp_path / "round1" / "pseudo").iterdir())
    assert names == ["pseudo_1_fold0.json", "pseudo_1_fold1.json", "pseudo_1_fold2.json"]


def test_members_of_all_images_learn_from_the_whole_ensemble(fused: FusedRun, tmp_path: Path) -> None:
    paths = RunPaths(tmp_path)
    report = make_labels(replace(fused, run=replace(fused.run, paths=paths)), ["all"], SETTINGS, None, 2)
    expected = np.count_nonzero(fused.ensemble.test.scores >= np.float32(0.6))
    assert report.folds["all"].labels == expected > 0
    assert paths.pseudo_labels(2, "all").name == "pseudo_2_all.json"


def test_the_report_tells_how_good_labels_are_without_deciding_by_it(fused: FusedRun, tmp_path: Path) -> None:
    moved = replace(fused, run=replace(fused.run, paths=RunPaths(tmp_path)))
    seeing = make_labels(moved, [0], SETTINGS, None, 1)
    quality = seeing.folds["0"].all_classes
    assert quality is not None
    assert quality.labels == seeing.folds["0"].labels
    assert quality.precision is not None
    assert quality.precision > 0.5
    content = RunPaths(tmp_path).pseudo_labels(1, 0).read_bytes()
    blind_data = replace(fused.run.prepared, has_answers=False)
    blind = make_labels(replace(moved, run=replace(moved.run, prepared=blind_data)), [0], SETTINGS, None, 1)
    assert blind.folds["0"].quality is None
    assert RunPaths(tmp_path).pseudo_labels(1, 0).read_bytes() == content


def test_stricter_precision_gives_higher_thresholds(fused: FusedRun, tmp_path: Path) -> None:
    moved = replace(fused, run=replace(fused.run, paths=RunPaths(tmp_path)))
    loose, strict = (
        make_labels(moved, [0], PseudoLabels(precision=p, ignore_thr=0.1), None, 1).folds["0"].thresholds
        for p in (0.5, 0.9)
    )
    pairs = [(loose[name] or 1.0, strict[name] or 1.0) for name in loose]
    assert all(low <= high for low, high in pairs)
    assert any(low < high for low, high in pairs)


def test_a_fold_without_labels_is_named_with_the_highest_score(fused: FusedRun, tmp_path: Path) -> None:
    moved = replace(fused, run=replace(fused.run, paths=RunPaths(tmp_path)))
    report = make_labels(moved, [0, 1], PseudoLabels(score_thr=1.0), None, 1)
    reason = nothing_sure(report)
    assert reason.startswith("no box is sure enough to be a label for members of fold 0: the highest score is 0.")
    assert "and the lowest threshold is 1.0000; lower pseudo_labels.score_thr" in reason
    assert RunPaths(tmp_path).pseudo_labels(1, 0).is_file()


def submission(predictions: Predictions, paths: RunPaths, file: Path) -> Path:
    names = {image.id: image.file_name for image in prepared_of(paths).test.images}
    write_detection_csv(predictions, names, file)
    return file


def test_a_file_is_learned_from_by_all_folds_alike(fused: FusedRun, tmp_path: Path) -> None:
    source = submission(fused.ensemble.test, fused.run.paths, tmp_path / "best.csv")
    paths = RunPaths(tmp_path / "run")
    report = make_labels(replace(fused, run=replace(fused.run, paths=paths)), [0, 1, "all"], SETTINGS, source, 1)
    assert report.source == str(source)
    assert not report.is_fold_safe
    files = {paths.pseudo_labels(1, fold).read_bytes() for fold in (0, 1, "all")}
    assert len(files) == 1


def rename(path: Path) -> None:
    path.write_text(path.read_text().replace(",", ",elsewhere/", 2).replace("elsewhere/image_id", "image_id"))


def shift_classes(path: Path) -> None:
    header, line, *rest = path.read_text().splitlines()
    _, _, others = line.partition(" ")
    path.write_text("\n".join([header, f"10 {others}", *rest]) + "\n")


@pytest.mark.parametrize(
    ("spoil", "settings", "error", "expected"),
    [
        (rename, SETTINGS, DataError, "its images must be among the"),
        (shift_classes, SETTINGS, DataError, "label must be below 10, the number of classes in the run's test part"),
        (lambda path: path.write_text("a,b\n1,2\n"), SETTINGS, DataError, "best.csv"),
        (lambda path: None, PRECISE, RecipeError, "pseudo_labels.precision must not be set for labels from"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(
    fused: FusedRun,
    tmp_path: Path,
    spoil: Callable[[Path], Any],
    settings: PseudoLabels,
    error: type[RecycleError],
    expected: str,
) -> None:
    source = submission(fused.ensemble.test, fused.run.paths, tmp_path / "best.csv")
    spoil(source)
    with pytest.raises(error, match=expected):
        make_labels(replace(fused, run=replace(fused.run, paths=RunPaths(tmp_path))), [0], settings, source, 1)
