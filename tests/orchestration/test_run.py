"""The whole run on real Ray: undisturbed, killed in every way, resumed, and refused."""

import csv
import json
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recycle.data.coco import read_coco
from recycle.data.folds import read_folds
from recycle.data.json_files import write_json
from recycle.data.synthetic import write_synthetic
from recycle.orchestration.plan import image_cache_name
from recycle.paths import RunPaths, image_caches_folder
from recycle.predictions.parquet import read_parquet
from recycle.report.attempts import read_attempts
from tests.orchestration.job import kill, read_json, run_job, train_tiny, training_processes, wait_for

pytestmark = pytest.mark.training

MEMBERS = ["cascade-rcnn-fold0", "cascade-rcnn-fold1", "yolov5-fold0", "yolov5-fold1"]
MODELS = ["cascade-rcnn", "yolov5"]
ONE_EPOCH = {
    "name": "one",
    "family": "yolov5",
    "size": "tiny",
    "image_size": 96,
    "epochs": 1,
    "batch_size": 4,
    "optimizer": {"type": "adamw", "lr": 0.001},
}


def finish(process: Any) -> tuple[int, str, str]:
    output, errors = process.communicate(timeout=600)
    return process.returncode, output, errors


def ledger_lines(paths: RunPaths) -> list[str]:
    return paths.ledger.read_text().splitlines()


def test_results_hold_scores_of_members_models_and_ensemble(quiet_run: RunPaths) -> None:
    results = read_json(quiet_run.results)
    assert sorted(results["members"]) == MEMBERS
    assert sorted(results["models"]) == MODELS
    for scores in [*results["members"].values(), *results["models"].values(), results["ensemble"]]:
        for part in ("oof", "test"):
            assert 0 <= scores[part]["map50"] <= 1
            assert set(scores[part]["classes"]) == set(results["classes"])
    assert results["failed"] == {}


def test_times_and_hosts_lie_in_another_file(quiet_run: RunPaths) -> None:
    assert sorted(read_json(quiet_run.timing)) == MEMBERS
    host = read_json(quiet_run.timing)[MEMBERS[0]]["host"]
    assert f'"{host}"' not in quiet_run.results.read_text()


def test_out_of_fold_predictions_come_from_the_member_that_never_saw_the_image(quiet_run: RunPaths) -> None:
    train = read_coco(quiet_run.train, quiet_run.sample)
    folds = read_folds(quiet_run.folds)
    for model in MODELS:
        for fold in range(folds.count):
            predictions = read_parquet(quiet_run.predictions(0, "oof", f"{model}-fold{fold}"))
            expected = sorted(i.id for i in train.images if folds.assignment[i.file_name] == fold)
            assert predictions.coverage[0].tolist() == expected
            assert len(predictions) > 0


def test_test_images_are_in_no_fold_and_all_are_predicted(quiet_run: RunPaths) -> None:
    test = read_coco(quiet_run.test, quiet_run.sample)
    folds = read_folds(quiet_run.folds)
    assert not {image.file_name for image in test.images} & set(folds.assignment)
    for member in MEMBERS:
        predictions = read_parquet(quiet_run.predictions(0, "test", member))
        assert predictions.coverage[0].tolist() == sorted(image.id for image in test.images)


def test_submission_holds_every_test_image_and_boxes_inside_it(quiet_run: RunPaths) -> None:
    test = {image.file_name: image for image in read_coco(quiet_run.test, quiet_run.sample).images}
    with quiet_run.submission.open() as file:
        rows = list(csv.DictReader(file))
    assert sorted(row["image_id"] for row in rows) == sorted(test)
    boxes = 0
    for row in rows:
        values = np.array(row["PredictionString"].split(), dtype=float).reshape(-1, 6)
        boxes += len(values)
        size = test[row["image_id"]]
        assert (values[:, 2:4] >= 0).all()
        assert (values[:, 4] <= size.width).all()
        assert (values[:, 5] <= size.height).all()
    assert boxes > 0


def test_decoded_images_are_removed(quiet_run: RunPaths) -> None:
    assert not (image_caches_folder() / image_cache_name(quiet_run)).exists()


def test_pictures_are_drawn_of_both_parts(quiet_run: RunPaths) -> None:
    assert len(list((quiet_run.pictures / "oof").glob("*.jpg"))) == 8
    assert list((quiet_run.pictures / "test").glob("*.jpg"))


def test_the_report_is_written_at_the_end_and_tells_when_and_where_everything_ran(quiet_run: RunPaths) -> None:
    text = quiet_run.report.read_text()
    assert 'id="plot-timeline"' in text
    assert "4 of 4 members are finished, none was given up." in text
    attempts = read_attempts(quiet_run.attempts, 0.0)
    assert sorted(one.member for one in attempts) == MEMBERS
    assert all(one.outcome == "finished" and one.host and one.seconds > 0 for one in attempts)


def test_resuming_a_finished_run_trains_nothing_and_gives_the_same_results(quiet_run: RunPaths) -> None:
    ledger, results = ledger_lines(quiet_run), quiet_run.results.read_bytes()
    status, output, errors = finish(train_tiny(quiet_run.root, "--resume"))
    assert status == 0, errors
    assert "4 of 4 members were finished before" in output
    assert ledger_lines(quiet_run) == ledger
    assert quiet_run.results.read_bytes() == results


def test_resuming_with_another_recipe_names_the_difference(quiet_run: RunPaths) -> None:
    status, _, errors = finish(train_tiny(quiet_run.root, "--resume", changes=["models.1.epochs=6"]))
    assert status == 2
    assert "models.1.epochs: 5 -> 6" in errors
    assert "Traceback" not in errors


def test_a_folder_that_holds_a_run_is_not_overwritten(quiet_run: RunPaths) -> None:
    status, _, errors = finish(train_tiny(quiet_run.root))
    assert status == 2
    assert "--resume" in errors


def test_killed_driver_resumes_without_redoing_what_was_finished(tmp_path: Path, quiet_run: RunPaths) -> None:
    paths = RunPaths(tmp_path / "run")
    process = train_tiny(paths.root)
    wait_for(paths.ledger.is_file, process, "the first member was finished")
    trainers = training_processes(process)
    kill(process.pid)
    process.communicate()
    wait_for_the_end_of(trainers)
    finished = ledger_lines(paths)
    checkpoints = {line: path_of_checkpoint(paths, line).stat().st_mtime_ns for line in finished}
    assert 0 < len(finished) < len(MEMBERS)

    status, output, errors = finish(train_tiny(paths.root, "--resume"))
    assert status == 0, errors
    assert f"{len(finished)} of {len(MEMBERS)} members were finished before" in output
    assert ledger_lines(paths)[: len(finished)] == finished
    assert {line: path_of_checkpoint(paths, line).stat().st_mtime_ns for line in finished} == checkpoints
    assert paths.results.read_bytes() == quiet_run.results.read_bytes()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_stops_cleanly_and_says_how_to_continue(tmp_path: Path, number: signal.Signals) -> None:
    paths = RunPaths(tmp_path / "run")
    process = train_tiny(paths.root)
    workers = wait_for(lambda: training_processes(process), process, "members trained")
    cache = image_caches_folder() / image_cache_name(paths)
    wait_for(lambda: cache.joinpath("index").is_file(), process, "images were decoded")
    process.send_signal(number)
    status, _, errors = finish(process)
    assert status == 130
    assert not cache.exists()
    assert f"add --run-dir {paths.root} --resume" in errors
    assert "Traceback" not in errors
    assert not [pid for pid in workers if is_training(pid)]


def test_member_with_a_broken_loss_is_reported_and_the_rest_goes_on(tmp_path: Path) -> None:
    paths = RunPaths(tmp_path / "run")
    broken = {"name": "broken", "epochs": 3, "optimizer": {"type": "sgd", "lr": 1e30, "clip_grad_norm": 1e30}}
    models = "models=" + json.dumps([{**ONE_EPOCH, **broken}, ONE_EPOCH])
    status, output, errors = finish(train_tiny(paths.root, changes=[models]))
    assert status == 1, output + errors
    failed = read_json(paths.results)["failed"]
    assert sorted(failed) == ["broken-fold0", "broken-fold1"]
    assert "became NaN or infinite by step 1" in failed["broken-fold0"] or "at step 2" in failed["broken-fold0"]
    assert list(read_json(paths.results)["models"]) == ["one"]


def test_own_data_with_unlabelled_test_images(tmp_path: Path) -> None:
    """Ids with gaps, names in any script, a crowd, an image without boxes, a relative folder, no answers."""
    folder = tmp_path / "elsewhere" / "данные"
    write_synthetic(folder, images=16, image_size=96, seed=5)
    document = read_json(folder / "annotations.json")
    rename_everything(document, folder)
    test_images = document["images"][:4]
    test = {"images": test_images, "annotations": [], "categories": document["categories"]}
    document["images"] = document["images"][4:]
    known = {image["id"] for image in document["images"]}
    document["annotations"] = [a for a in document["annotations"] if a["image_id"] in known]
    document["annotations"][0]["iscrowd"] = 1
    alone = document["images"][-1]["id"]
    document["annotations"] = [a for a in document["annotations"] if a["image_id"] != alone]
    write_json(document, folder / "annotations.json")
    write_json(test, folder / "test.json")

    paths = RunPaths(tmp_path / "run")
    one_model = "models=" + json.dumps([ONE_EPOCH])
    status, output, errors = finish(train_tiny(paths.root, "--data", "данные", changes=[one_model], is_demo=False))
    assert status == 0, output + errors
    results = read_json(paths.results)
    assert results["images"] == {"train": 12, "test": 4}
    assert set(results["ensemble"]) == {"oof"}
    with paths.submission.open() as file:
        assert [row["image_id"] for row in csv.DictReader(file)] == [image["file_name"] for image in test_images]
    assert len(list((paths.pictures / "test").glob("*.jpg"))) == 4


def test_more_than_the_cluster_has_is_refused_before_training(tmp_path: Path) -> None:
    status, _, errors = finish(train_tiny(tmp_path / "run", changes=["models.0.resources.num_gpus=1"]))
    assert status == 2
    assert "resources of 'cascade-rcnn': no node of the cluster has what it asks for" in errors
    assert "GPU" in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--recipe", "nothing"], "nothing: there is no such recipe file"),
        (["--set", "models.0.epoch=2"], "models.0.epoch: there is no such key"),
        (["--set", "models.0.epochs"], "--set must have the form key.key=value"),
        (["--data", "missing"], "missing: there is no such folder"),
    ],
)
def test_wrong_arguments_give_one_message(tmp_path: Path, arguments: list[str], expected: str) -> None:
    status, _, errors = run_job("train_all", "--run-dir", str(tmp_path / "run"), *arguments, folder=tmp_path / "x")
    assert status == 2
    assert expected in errors
    assert "Traceback" not in errors


def rename_everything(document: Any, folder: Path) -> None:
    """Gives images large ids and names in Hangul, and categories ids with gaps."""
    for image in document["images"]:
        name = f"사진/{image['id']} ♻.jpg"
        folder.joinpath(name).parent.mkdir(exist_ok=True)
        folder.joinpath(image["file_name"]).rename(folder / name)
        image["file_name"] = name
        image["id"] += 10**12
    for category in document["categories"]:
        category["id"] = 7 + 3 * category["id"]
    for annotation in document["annotations"]:
        annotation["image_id"] += 10**12
        annotation["category_id"] = 7 + 3 * annotation["category_id"]


def path_of_checkpoint(paths: RunPaths, line: str) -> Path:
    return paths.root / str(json.loads(line)["checkpoint"])


def is_training(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().startswith("ray::TrainActor")
    except OSError:
        return False


def wait_for_the_end_of(pids: list[int]) -> None:
    """Ray's processes end with their driver; until then they might still write into the run folder."""
    deadline = time.monotonic() + 60
    while any(is_training(pid) for pid in pids):
        assert time.monotonic() < deadline, f"trainers {pids} outlived their driver"
        time.sleep(0.2)
