import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from recycle.errors import DataError
from recycle.predictions.submission import write_detection_csv
from recycle.predictions.submission_reader import _read_by_line, _read_fast, read_detection_csv
from recycle.predictions.values import Predictions
from tests.predictions.strategies import predictions

HEADER = "PredictionString,image_id\n"


def file(folder: Path, content: str | bytes) -> Path:
    path = folder / "a.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("content", "images", "rows", "places"),
    [
        (HEADER + "0 0.5 1 2 3 4 9 1 5 6 7 8,a.jpg\n,b.jpg\n", ("a.jpg", "b.jpg"), 2, [2, 2]),
        ("image_id,PredictionString\nb.jpg,\na.jpg,0 0.5 1 2 3 4\n", ("b.jpg", "a.jpg"), 1, [3]),
        (HEADER + "0 0.5 1 2 3 4 ,a.jpg", ("a.jpg",), 1, [2]),  # a space and no line break at the end
        (HEADER + "  0  0.5 1 2\t3 4,a.jpg\n,b.jpg\n", ("a.jpg", "b.jpg"), 1, [2]),
        (HEADER + "   ,a.jpg\n", ("a.jpg",), 0, []),
        (HEADER + "0.0 5e-1 1. 2 3 4,a.jpg\n", ("a.jpg",), 1, [2]),
        (HEADER + '"",a.jpg\n0 0.5 1 2 3 4,"b, c.jpg"\n', ("a.jpg", "b, c.jpg"), 1, [3]),
        (HEADER.replace("\n", "\r\n") + "0 0.5 1 2 3 4,a.jpg\r\n", ("a.jpg",), 1, [2]),
        ("\ufeff" + HEADER + "0 0.5 1 2 3 4,é.jpg\n", ("é.jpg",), 1, [2]),
        (HEADER + "\n\n0 0.5 1 2 3 4,a.jpg\n\n,b.jpg\n", ("a.jpg", "b.jpg"), 1, [4]),
        (HEADER + '"0 0.5 1\n2 3 4",a.jpg\n0 0.5 1 2 3 4,b.jpg\n', ("a.jpg", "b.jpg"), 2, [3, 4]),
        (",image_id,PredictionString\n0,a.jpg,0 0.5 1 2 3 4\n", ("a.jpg",), 1, [2]),  # as pandas writes an index
        (HEADER + "0 0.5 1 2 3 4,NA\n,null\n", ("NA", "null"), 1, [2]),
        (HEADER, (), 0, []),
    ],
)
def test_files_as_they_come(
    tmp_path: Path, content: str, images: tuple[str, ...], rows: int, places: list[int]
) -> None:
    found = read_detection_csv(file(tmp_path, content))
    assert found.images == images
    assert found.places.tolist() == places
    assert found.values.shape == (rows, 6)
    assert (found.values[:1] == [0, 0.5, 1, 2, 3, 4]).all()
    assert found.lists_all


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (HEADER + ",a.jpg\n0 0.5 1 2 3,b.jpg\n", "line 3, image b.jpg: PredictionString must hold label score xmin "),
        (HEADER + "0 0.5 1 2 3 4 5,b.jpg\n", "but got 7 values, which is no multiple of 6"),
        (HEADER + "0 high 1 2 3 4,b.jpg\n", "line 2, image b.jpg: PredictionString must hold numbers, but got 'high'"),
        (HEADER + "0 0.5 1 2 3 4,a.jpg\n0 NaN 1 2 3 4,b.jpg\n", "line 3, image b.jpg: score must be finite"),
        (HEADER + "0 0.5 1 2 3 inf,b.jpg\n", "line 2, image b.jpg: ymax must be finite, but got ymax=inf"),
        (HEADER + "nan,b.jpg\n", "line 2, image b.jpg: PredictionString must hold label"),
        (HEADER + "0 1.5 1 2 3 4,b.jpg\n", "line 2, image b.jpg: score must be between 0 and 1 inclusive, but got"),
        (HEADER + "0.5 0.5 1 2 3 4,b.jpg\n", "line 2, image b.jpg: label must be a whole number from 0, but got"),
        (HEADER + "\n\n0.5 0.5 1 2 3 4,b.jpg\n", "line 4, image b.jpg: label must be a whole number from 0, but got"),
        (HEADER + ",a.jpg\n,b.jpg\n,a.jpg\n", "line 4, image a.jpg: must have one line, but line 2 has it"),
        (HEADER + ",\n", "line 2: image_id must not be empty"),
        (HEADER + "a.jpg\n", "line 2: must have 2 columns as the header has, but got 1"),
        (HEADER + ",a.jpg,\n", "line 2: must have 2 columns as the header has, but got 3"),
        (HEADER + '"0 0.5,a.jpg\n', "line 2: must be CSV, but got: unexpected end of data"),
        ("0 0.5 1 2 3 4,a.jpg\n", "line 1: must name the columns PredictionString and image_id once, but got"),
        ("image_id,image_id,PredictionString\n", "line 1: must name the columns PredictionString and image_id once"),
        ("", "line 1: must name the columns PredictionString and image_id once, but got ''"),
        (HEADER.encode() + b",a.jpg\n,\xff.jpg\n", "line 3: must be UTF-8 text, but got b'\\xff'"),
    ],
)
def test_files_that_are_refused(tmp_path: Path, content: str | bytes, message: str) -> None:
    path = file(tmp_path, content)
    with pytest.raises(DataError) as error:
        read_detection_csv(path)
    assert str(error.value).startswith(f"{path}: ")
    assert message in str(error.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.csv: there is no such file"):
        read_detection_csv(tmp_path / "none.csv")


@given(predictions(models=1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_written_is_read_both_ways(tmp_path: Path, value: Predictions) -> None:
    path = tmp_path / "a.csv"
    names = [f"{image}.jpg" for image in value.covered.tolist()]
    write_detection_csv(value, dict(zip(value.covered.tolist(), names, strict=True)), path)
    found = read_detection_csv(path)
    order = np.lexsort((-value.scores, value.image_ids))
    expected = np.column_stack([value.labels, value.scores, value.boxes])[order]
    np.testing.assert_array_equal(found.values.astype(np.float32), expected.astype(np.float32))
    assert found.images == tuple(names)
    np.testing.assert_array_equal(value.covered[found.positions], value.image_ids[order])
    raw = path.read_bytes()
    fast, by_line = _read_fast(raw), _read_by_line(raw, path)
    assert fast is not None
    for one, other in zip(fast, by_line, strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_image_may_have_more_boxes_than_a_block_of_the_file_holds(tmp_path: Path) -> None:
    boxes = 400_000
    found = read_detection_csv(file(tmp_path, HEADER + "1 0.5 1 2 3 4 " * boxes + ",a.jpg\n,b.jpg\n"))
    assert (len(found), found.images) == (boxes, ("a.jpg", "b.jpg"))


def test_a_large_file_is_read_fast(tmp_path: Path) -> None:
    """A tenth of the largest files that people submit; the limit leaves room for a busy machine."""
    generator = np.random.default_rng(0)
    rows = generator.uniform(0, 500, (487, 90, 6)).astype(np.float32)
    rows[..., 0], rows[..., 1] = 3, rows[..., 1] / 500
    lines = [" ".join(map(str, image.ravel().tolist())) + f",test/{i:04}.jpg" for i, image in enumerate(rows)]
    path = file(tmp_path, HEADER + "\n".join(lines) + "\n")
    start = time.process_time()
    found = read_detection_csv(path)
    assert time.process_time() - start < 1
    np.testing.assert_array_equal(found.values, rows.reshape(-1, 6))
