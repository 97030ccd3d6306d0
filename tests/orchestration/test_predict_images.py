"""New images through finished networks: real ones on real Ray, from a run and from what was exported of it."""

import csv
import json
import shutil
from pathlib import Path

import pytest

from recycle.orchestration.predict_images import available_resources
from recycle.paths import RunPaths
from recycle.recipe import Resources
from tests.orchestration.job import read_json, run_job, train_tiny

GIB = 2**30
MODEL = {
    "family": "yolov5",
    "size": "tiny",
    "image_size": 64,
    "epochs": 1,
    "batch_size": 4,
    "optimizer": {"type": "adamw", "lr": 0.001},
}
MODELS = [{**MODEL, "name": "plain"}, {**MODEL, "name": "twice", "tta": {"flips": ["none", "horizontal"]}}]


@pytest.mark.parametrize(
    ("wanted", "nodes", "given"),
    [
        ({"num_cpus": 2, "num_gpus": 1}, [{"CPU": 4}, {"CPU": 4, "GPU": 1}], {"num_cpus": 2, "num_gpus": 1}),
        ({"num_cpus": 2, "num_gpus": 1}, [{"CPU": 4}], {"num_cpus": 2}),
        ({"num_cpus": 8, "num_gpus": 1}, [{"CPU": 16}, {"CPU": 4, "GPU": 2}], {"num_cpus": 4, "num_gpus": 1}),
        ({"num_cpus": 8}, [{"CPU": 2}, {"CPU": 4}], {"num_cpus": 4}),
        ({"memory_gib": 64}, [{"CPU": 4, "memory": 8.0 * GIB}], {}),
        ({"memory_gib": 4}, [{"CPU": 4, "memory": 8.0 * GIB}], {"memory_gib": 4}),
    ],
)
def test_resources(wanted: dict[str, float], nodes: list[dict[str, float]], given: dict[str, float]) -> None:
    assert available_resources(Resources(**wanted), nodes) == Resources(**given)


def predict(folder: Path, *arguments: str | Path, status: int = 0) -> str:
    """Runs the job; gives what it said, or its errors if those are expected."""
    got, output, errors = run_job("predict", *map(str, arguments), folder=folder)
    assert got == status, output + errors
    assert "Traceback" not in errors
    return errors if status else output


def lines(path: Path) -> list[list[str]]:
    with path.open() as file:
        return sorted(csv.reader(file))


def numbers(boxes: str) -> list[float]:
    return [float(number) for number in boxes.split()]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunPaths:
    """A finished run."""
    paths = RunPaths(tmp_path_factory.mktemp("finished") / "run")
    output, errors = (process := train_tiny(paths.root, changes=["models=" + json.dumps(MODELS)])).communicate()
    assert process.returncode == 0, output + errors
    return paths


@pytest.fixture(scope="module")
def photographs(run: RunPaths) -> Path:
    """The run's test images in a folder of their own."""
    folder = run.root.parent / "photographs"
    for image in read_json(run.test)["images"]:
        path = folder / image["file_name"]
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(run.sample / image["file_name"], path)
    return folder


@pytest.mark.training
def test_one_model_predicts_alone(run: RunPaths, photographs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out" / "boxes.csv"
    arguments = ("--images", photographs, "--out", out, "--model", "twice", "--no-tta")
    output = predict(tmp_path, "--run-dir", run.root, *arguments)
    assert all(f"twice-fold{fold}: 6 images predicted" in output for fold in (0, 1))
    assert "plain" not in output
    names = [f"images/{path.name}" for path in (photographs / "images").iterdir()]
    assert sorted(name for _, name in lines(out)) == sorted([*names, "image_id"])


@pytest.mark.training
def test_an_export_predicts_what_its_run_did(run: RunPaths, photographs: Path, tmp_path: Path) -> None:
    predict(tmp_path, "--run-dir", run.root, "--export", tmp_path / "exported")
    submission = lines(run.submission)
    hidden = run.root.rename(tmp_path / "hidden")
    try:
        arguments = ("--images", photographs, "--out", tmp_path / "boxes.csv")
        predict(tmp_path, "--run-dir", tmp_path / "exported", *arguments)
    finally:
        hidden.rename(run.root)
    predicted = lines(tmp_path / "boxes.csv")
    assert [name for _, name in predicted] == [name for _, name in submission]
    for (found, name), (expected, _) in zip(predicted, submission, strict=True):
        if name != "image_id":
            # A process's first convolutions differ from its later ones in the last digits.
            assert numbers(found) == pytest.approx(numbers(expected), rel=1e-5)


@pytest.mark.training
def test_broken_images_and_files_are_named_before_anything_runs(run: RunPaths, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    arguments = ("--run-dir", run.root, "--images", tmp_path, "--out")
    assert "broken.jpg: image_unreadable" in predict(tmp_path, *arguments, tmp_path / "a.csv", status=2)
    assert "written as .csv or .json, but got .txt" in predict(tmp_path, *arguments, tmp_path / "a.txt", status=2)
    assert not (tmp_path / "a.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--run-dir", "run", "--out", "a.csv"], "--images and --out must be given together"),
        (["--run-dir", "run"], "there is nothing to do"),
        (["--run-dir", "nowhere", "--export", "b"], "nowhere: there is neither a run nor an exported ensemble"),
    ],
)
def test_wrong_arguments_give_one_message(tmp_path: Path, arguments: list[str], message: str) -> None:
    assert message in predict(tmp_path, *arguments, status=2)
