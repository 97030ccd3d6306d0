from pathlib import Path

import cv2
import numpy as np
import pytest

from recycle.data.coco import Dataset, read_coco
from recycle.predictions.values import Predictions
from recycle.report.pictures import class_colour
from recycle.report.sample_pictures import write_sample_pictures
from tests.data.small_dataset import HEIGHT, WIDTH, write_dataset


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return read_coco(write_dataset(tmp_path / "data"), tmp_path / "data")


def prediction_of(*scores: float, image: int = 1, label: int = 1) -> Predictions:
    count = len(scores)
    return Predictions(
        image_ids=np.full(count, image),
        model_ids=np.zeros(count, np.int32),
        boxes=np.array([[20 - n, 14 - n, 40 + n, 30 + n] for n in range(count)], np.float32).reshape(-1, 4),
        scores=np.array(scores, np.float32),
        labels=np.full(count, label, np.int32),
        models=("ensemble",),
        coverage=(np.array([1, 2, 3]),),
    )


def nearness(picture: np.ndarray, colour: tuple[int, int, int]) -> int:
    """How many pixels have a colour, as JPEG keeps it."""
    return int((np.abs(picture.astype(int) - colour).max(axis=2) < 60).sum())


@pytest.mark.parametrize(
    ("count", "names"),
    [
        (0, []),
        (1, ["00000.jpg"]),
        (2, ["00000.jpg", "00002.jpg"]),
        (3, ["00000.jpg", "00001.jpg", "00002.jpg"]),
        (8, ["00000.jpg", "00001.jpg", "00002.jpg"]),
    ],
)
def test_images_are_evenly_spread(dataset: Dataset, tmp_path: Path, count: int, names: list[str]) -> None:
    write_sample_pictures(dataset, prediction_of(0.9), count, tmp_path / "pictures" / "oof")
    assert sorted(path.name for path in (tmp_path / "pictures" / "oof").iterdir()) == names


def test_truth_is_on_the_left_and_prediction_on_the_right(dataset: Dataset, tmp_path: Path) -> None:
    unannotated = Dataset(dataset.folder, dataset.categories, dataset.images, ())
    plain, told = tmp_path / "plain", tmp_path / "told"
    write_sample_pictures(unannotated, prediction_of(), 1, plain)
    write_sample_pictures(dataset, prediction_of(0.9), 1, told)
    before, after = (cv2.imread(str(folder / "00000.jpg")) for folder in (plain, told))
    assert before is not None
    assert after is not None
    assert before.shape == after.shape
    assert before.shape[1] >= 2 * WIDTH
    assert before.shape[0] > HEIGHT
    middle = before.shape[1] // 2
    paper, glass = class_colour(0), class_colour(1)
    left = np.s_[:, : middle - 2]
    right = np.s_[:, middle + 2 :]
    assert nearness(after[left], paper) > nearness(before[left], paper) + 20
    assert nearness(after[right], glass) > nearness(before[right], glass) + 20
    assert nearness(after[right], paper) < nearness(after[left], paper)


def test_weak_predictions_are_left_out_beside_strong_ones(dataset: Dataset, tmp_path: Path) -> None:
    scores = {"strong": (0.9, 0.8, 0.7, 0.31), "with weak": (0.9, 0.8, 0.7, 0.31, 0.29), "more": (0.9,) * 5}
    pictures = {}
    for name, values in scores.items():
        write_sample_pictures(dataset, prediction_of(*values), 1, tmp_path / name)
        pictures[name] = (tmp_path / name / "00000.jpg").read_bytes()
    assert pictures["with weak"] == pictures["strong"]
    assert pictures["more"] != pictures["strong"]


def test_of_weak_predictions_the_few_best_are_drawn(dataset: Dataset, tmp_path: Path) -> None:
    for name, values in {"three": (0.05, 0.04, 0.03), "five": (0.05, 0.04, 0.03, 0.02, 0.01), "none": ()}.items():
        write_sample_pictures(dataset, prediction_of(*values), 1, tmp_path / name)
    three, five, none = ((tmp_path / name / "00000.jpg").read_bytes() for name in ("three", "five", "none"))
    assert three == five
    assert three != none


def test_no_image_is_no_picture(dataset: Dataset, tmp_path: Path) -> None:
    write_sample_pictures(dataset.subset([]), Predictions.empty(("m",), (np.zeros(0, np.int64),)), 8, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
