import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from recycle.errors import DataError
from recycle.predictions.submission import write_detection_csv
from recycle.predictions.values import Predictions
from tests.predictions.strategies import predictions


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_format(tmp_path: Path) -> None:
    value = Predictions(
        image_ids=np.array([5, 2, 5]),
        model_ids=np.zeros(3, np.int32),
        boxes=np.array([[0, 0, 10.5, 20], [1, 2, 3, 4], [0.1, 0, 512, 300]], np.float32),
        scores=np.array([0.25, 0.00001, 0.9], np.float32),
        labels=np.array([3, 0, 1]),
        models=("fused",),
        coverage=(np.array([2, 4, 5]),),
    )
    path = tmp_path / "submission.csv"
    write_detection_csv(value, {2: "test/2.jpg", 4: "a, b.jpg", 5: "5.jpg", 6: "unused.jpg"}, path)
    assert path.read_text().splitlines() == [
        "PredictionString,image_id",
        "0 0.00001 1 2 3 4,test/2.jpg",
        ',"a, b.jpg"',
        "1 0.9 0.1 0 512 300 3 0.25 0 0 10.5 20,5.jpg",
    ]


@given(predictions(models=1))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_number_reads_back_exactly(tmp_path: Path, value: Predictions) -> None:
    path = tmp_path / "submission.csv"
    write_detection_csv(value, {image: f"{image}.jpg" for image in value.covered.tolist()}, path)
    lines = rows(path)[1:]
    assert [name for _, name in lines] == [f"{image}.jpg" for image in value.covered.tolist()]
    for image, (line, _) in zip(value.covered, lines, strict=True):
        mine = value.of_images([image])
        order = np.argsort(-mine.scores, kind="stable")
        expected = np.column_stack([mine.labels, mine.scores, mine.boxes])[order]
        found = np.array(line.split(), np.float32).reshape(-1, 6)
        np.testing.assert_array_equal(found, expected.astype(np.float32))


def test_image_without_file_name_is_refused(tmp_path: Path) -> None:
    value = Predictions.empty(["a"], [np.array([1, 2])])
    with pytest.raises(DataError, match="image 2 has none"):
        write_detection_csv(value, {1: "1.jpg"}, tmp_path / "submission.csv")
    assert not list(tmp_path.iterdir())


def test_several_models_are_refused(tmp_path: Path) -> None:
    value = Predictions.empty(["a", "b"], [np.array([1]), np.array([1])])
    with pytest.raises(DataError, match="one model, but got 2"):
        write_detection_csv(value, {1: "1.jpg"}, tmp_path / "submission.csv")
