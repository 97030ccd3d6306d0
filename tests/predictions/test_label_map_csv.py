import csv
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from recycle.errors import DataError
from recycle.predictions.label_map_csv import (
    PredictedMap,
    is_label_map_csv,
    iterate_label_map_csv,
    read_label_map_csv,
    write_label_map_csv,
)

LABELS = np.array([[0, 10], [3, 254]], np.uint8)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "map.csv"
    path.write_text(text)
    return path


def test_a_line_holds_the_labels_row_by_row(tmp_path: Path) -> None:
    path = tmp_path / "new" / "submission.csv"
    write_label_map_csv([PredictedMap("a, b.jpg", LABELS.T), PredictedMap("c.jpg", LABELS)], path)
    with path.open(newline="") as file:
        assert list(csv.reader(file)) == [
            ["image_id", "PredictionString"],
            ["a, b.jpg", "0 3 10 254"],
            ["c.jpg", "0 10 3 254"],
        ]
    again = read_label_map_csv(path)
    assert list(again) == ["a, b.jpg", "c.jpg"]
    assert np.array_equal(again["c.jpg"], LABELS)
    assert again["c.jpg"].dtype == np.uint8


def test_columns_may_be_swapped_and_a_size_may_be_told(tmp_path: Path) -> None:
    path = written(tmp_path, "PredictionString,image_id\n1 2 3 4 5 6,a\n\n")
    assert read_label_map_csv(path, (2, 3))["a"].tolist() == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,PredictionString\na,0", "line 1: must name the columns image_id and PredictionString once"),
        ("image_id,PredictionString\na,0 1 2\n", "line 2: PredictionString must hold the labels of a square map, but"),
        ("image_id,PredictionString\na,\n", "must hold the labels of a square map, but got 0 numbers"),
        ("image_id,PredictionString\na,0 1 x 2\n", "line 2: PredictionString must hold whole numbers, but got 'x'"),
        ("image_id,PredictionString\na,0 1 1.5 2\n", "must hold whole numbers, but got '1.5'"),
        ("image_id,PredictionString\na,0 255 1 2\n", "a label must be between 0 and 254, but got 255"),
        ("image_id,PredictionString\na,0 -1 1 2\n", "a label must be between 0 and 254, but got -1"),
        ("image_id,PredictionString\na,0\na,1\n", "line 3: image_id must occur once, but 'a' occurs again"),
        ("image_id,PredictionString\na\n", "must have as many columns as the header"),
        ('image_id,PredictionString\na,"0\n', "not a readable CSV file"),
    ],
)
def test_faults_are_named_with_file_line_and_value(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as error:
        read_label_map_csv(written(tmp_path, text))
    assert "map.csv" in str(error.value)


def test_a_told_size_must_fit(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must hold 2 x 2 labels, but got 3 numbers"):
        read_label_map_csv(written(tmp_path, "image_id,PredictionString\na,0 1 2\n"), (2, 2))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"image_id,PredictionString\na,{' '.join(['0 10'] * 512)}\n", True),
        (f"image_id,PredictionString\na,{' '.join(['0 0.5 1 1 2 2'] * 512)}\n", False),
        ("image_id,PredictionString\na,0 1 10 10 20 20\n", False),
        ("image_id,PredictionString\na,0 0.5 10 10 20 20\n", False),
        ("image_id,PredictionString\na,\n", False),
        ("image_id,PredictionString\n", False),
        ("x\ny\n", False),
    ],
)
def test_files_of_label_maps_are_told_from_those_of_boxes(tmp_path: Path, text: str, expected: bool) -> None:
    assert is_label_map_csv(written(tmp_path, text)) is expected


def test_a_quarter_of_the_competition_takes_seconds_and_memory_for_one_map(tmp_path: Path) -> None:
    path = tmp_path / "submission.csv"
    labels = np.random.default_rng(0).integers(0, 11, (256, 256), np.uint8)

    def write_and_read(images: int) -> None:
        write_label_map_csv((PredictedMap(f"{number}.jpg", labels) for number in range(images)), path)
        assert sum(np.array_equal(one.labels, labels) for one in iterate_label_map_csv(path)) == images

    began = time.process_time()
    write_and_read(819 // 4)
    assert time.process_time() - began < 20 / 4
    tracemalloc.start()
    write_and_read(20)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16 * 2**20
