"""A whole run that labels pixels, on real Ray: trained, voted, scored, submitted, reported, and searched on."""

from pathlib import Path

import numpy as np
import pytest

from recycle.data.coco import read_coco
from recycle.data.folds import read_folds
from recycle.data.label_maps import label_maps, labels_of
from recycle.data.pseudo_labels import read_pseudo_labels
from recycle.evaluation.segmentation import count_pixels, score
from recycle.fusion.ensemble import ENSEMBLE
from recycle.fusion.voting import labels_of_shares
from recycle.paths import Part, RunPaths
from recycle.predictions.label_map_csv import read_label_map_csv
from recycle.predictions.probabilities import by_image, read_probabilities
from tests.orchestration.job import copy_run, read_json, run_job

pytestmark = pytest.mark.training

MODELS = ("fpn", "segformer")
SIZE = 64
CHANGES = [
    "data.synthetic.images=24",
    "data.synthetic.image_size=96",
    "data.test_fraction=0.25",
    *(f"models.{number}.{key}" for number in (0, 1) for key in ("image_size=64", f"label_map_size={SIZE}", "epochs=2")),
    "voting.trials=3",
    "voting.crf.window=3",
]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunPaths, str]:
    """A run and what it printed."""
    paths = RunPaths(tmp_path_factory.mktemp("pixels") / "run")
    arguments = ("--recipe", "segmentation-demo", "--run-dir", str(paths.root), "--set", *CHANGES)
    status, output, errors = run_job("train_all", *arguments, folder=paths.root.parent / "job")
    assert status == 0, output + errors
    return paths, output


def opened(paths: RunPaths, part: Part, name: str, round_index: int = 0) -> dict[int, np.ndarray]:
    return dict(by_image([read_probabilities(paths.predictions(round_index, part, name, "segmentation"))]))


def test_members_predict_the_fold_that_they_never_saw(finished: tuple[RunPaths, str]) -> None:
    paths, _ = finished
    train, test = read_coco(paths.train, paths.sample), read_coco(paths.test, paths.sample)
    folds = read_folds(paths.folds)
    for model in MODELS:
        for fold in (0, 1):
            own = opened(paths, "oof", f"{model}-fold{fold}")
            assert sorted(own) == sorted(i.id for i in train.images if folds.assignment[i.file_name] == fold)
            assert {one.shape for one in own.values()} == {(11, SIZE, SIZE)}
            assert sorted(opened(paths, "test", f"{model}-fold{fold}")) == sorted(i.id for i in test.images)


def test_scores_are_those_of_what_was_written(finished: tuple[RunPaths, str]) -> None:
    paths, output = finished
    results, train = read_json(paths.results), read_coco(paths.train, paths.sample)
    assert sorted(results["models"]) == sorted(MODELS)
    assert len(results["members"]) == 4
    names = labels_of(train)
    for part, dataset in (("oof", train), ("test", read_coco(paths.test, paths.sample))):
        fused = opened(paths, "oof" if part == "oof" else "test", ENSEMBLE)
        pairs = ((i.id, labels, labels_of_shares(fused[i.id])) for i, labels in label_maps(dataset, (SIZE, SIZE)))
        expected = score(count_pixels(pairs, len(names)), names)
        # Bytes on disk may turn a tie.
        assert results["ensemble"][part]["miou"] == pytest.approx(expected.miou, abs=2e-3)
        assert list(results["ensemble"][part]["classes"]) == list(names)
    assert "mIoU" in output
    assert "The random field changes mIoU" in output


def test_the_submission_is_the_ensemble_of_the_test_images(finished: tuple[RunPaths, str]) -> None:
    paths, _ = finished
    test, fused = read_coco(paths.test, paths.sample), opened(paths, "test", ENSEMBLE)
    submitted = read_label_map_csv(paths.submission)
    assert list(submitted) == [image.file_name for image in test.images]
    for image in test.images:
        assert np.array_equal(submitted[image.file_name], labels_of_shares(fused[image.id]))


def test_the_study_the_pictures_and_the_report_are_there(finished: tuple[RunPaths, str]) -> None:
    paths, _ = finished
    study = read_json(paths.fusion_study)
    assert len(study["trials"]) == 3
    assert study["refinement"]["verdict"] in ("better", "worse", "not told apart")
    assert set(study["held_out"]["ratings"]) == {*MODELS, "default fusion", "tuned fusion"}
    assert len(list((paths.pictures / "oof").glob("*.jpg"))) == 8
    page = paths.report.read_text()
    for text in ("Semantic segmentation of 10 classes", "IoU by class, out of fold", "mIoU on the fold", "Styrofoam"):
        assert text in page


def test_the_search_goes_on_and_members_stay(finished: tuple[RunPaths, str], tmp_path: Path) -> None:
    paths, _ = finished
    before = paths.ledger.read_bytes()
    status, output, errors = run_job("search_ensemble", "--run-dir", str(paths.root), "--trials", "5", folder=tmp_path)
    assert status == 0, output + errors
    assert "3 of them known before" in output
    assert len(read_json(paths.fusion_study)["trials"]) == 5
    assert paths.ledger.read_bytes() == before


def test_new_images_are_labelled_as_the_run_labelled_them(finished: tuple[RunPaths, str], tmp_path: Path) -> None:
    paths, _ = finished
    arguments = (
        "--run-dir",
        str(paths.root),
        "--images",
        str(paths.sample / "images"),
        "--out",
        str(tmp_path / "out.csv"),
    )
    status, output, errors = run_job("predict", *arguments, folder=tmp_path)
    assert status == 0, output + errors
    found, expected = read_label_map_csv(tmp_path / "out.csv"), read_label_map_csv(paths.submission)
    assert len(found) == 24
    # The first convolutions of a process may differ in the last digit.
    assert np.mean([(found[Path(name).name] == labels).mean() for name, labels in expected.items()]) > 0.999


def test_a_round_of_pseudo_labels_learns_from_pixels(finished: tuple[RunPaths, str], tmp_path: Path) -> None:
    """Each fold's members go on with label maps that they voted for; what is not kept leaves what stood."""
    copy_run(finished[0].root, tmp_path / "run")
    paths, before = RunPaths(tmp_path / "run"), read_json(finished[0].results)
    settings = ("score_thr=0.3", "ignore_thr=0.3", "epochs=[1]")
    arguments = ("--run-dir", str(paths.root), "--set", *(f"pseudo_labels.{one}" for one in settings))
    status, output, errors = run_job("pseudo_label", *arguments, folder=tmp_path / "job")
    assert status == 0, output + errors
    test = read_coco(paths.test, paths.sample)
    for fold in (0, 1):
        labels = read_pseudo_labels(paths.pseudo_labels(1, fold), test)
        assert labels.annotations
        for model in MODELS:
            assert sorted(opened(paths, "test", f"{model}@1-fold{fold}", 1)) == sorted(i.id for i in test.images)
    results = read_json(paths.results)
    (one,) = results.pop("rounds")
    assert one["labels"]["folds"]["0"]["labels"] > 0
    assert set(one["gate"]["models"]) == {f"{model}@1" for model in MODELS}
    assert f"Round 1 is {'kept' if one['gate']['is_kept'] else 'not kept'}: the score" in output
    names = {*MODELS, *(one["gate"]["models"] if one["gate"]["is_kept"] else ())}
    assert set(results["models"]) == names
    if not one["gate"]["is_kept"]:
        assert results == {key: value for key, value in before.items() if key != "rounds"}
        assert paths.submission.read_bytes() == finished[0].submission.read_bytes()
    assert "Round 1 of pseudo labels is" in paths.report.read_text()
    assert "mIoU; of classes, of IoU" in paths.report.read_text()
