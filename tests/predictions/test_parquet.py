import contextlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings

from recycle.errors import DataError
from recycle.predictions.parquet import read_parquet, write_parquet
from recycle.predictions.values import Predictions
from tests.predictions.strategies import assert_same, predictions


@given(predictions())
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_round_trip_is_exact(tmp_path: Path, value: Predictions) -> None:
    path = tmp_path / "folder" / "value.parquet"
    write_parquet(value, path)
    assert_same(read_parquet(path), value)
    assert list(path.parent.iterdir()) == [path]


def one_box() -> Predictions:
    return Predictions(
        image_ids=np.array([1]),
        model_ids=np.array([0]),
        boxes=np.array([[0, 0, 1, 1]], np.float32),
        scores=np.array([0.5], np.float32),
        labels=np.array([0]),
        models=("a",),
        coverage=(np.array([1]),),
    )


def written(folder: Path) -> Path:
    path = folder / "value.parquet"
    write_parquet(one_box(), path)
    return path


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no\.parquet: must be a readable Parquet file"):
        read_parquet(tmp_path / "no.parquet")


@pytest.mark.parametrize("kept", [0, 3, 100, -1])
def test_truncated_file(tmp_path: Path, kept: int) -> None:
    path = written(tmp_path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DataError, match=r"value\.parquet: must be a readable Parquet file"):
        read_parquet(path)


def test_changed_bytes_never_change_the_boxes(tmp_path: Path) -> None:
    path = written(tmp_path)
    intact = path.read_bytes()
    for position in range(0, len(intact), 11):
        path.write_bytes(intact[:position] + bytes([intact[position] ^ 0xFF]) + intact[position + 1 :])
        with contextlib.suppress(DataError):
            assert_same(read_parquet(path), one_box())


def test_foreign_file(tmp_path: Path) -> None:
    path = tmp_path / "foreign.parquet"
    pq.write_table(pa.table({"x": [1]}), path)
    with pytest.raises(DataError, match=r"foreign\.parquet: must be a Parquet file of predictions"):
        read_parquet(path)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ('{"version": 2, "models": []}', "version must be 1, but got version=2"),
        ("{", "must hold valid predictions"),
        ("[]", "must hold valid predictions"),
        ('{"version": 1, "models": [{"name": "a", "image_ids": [2]}]}', "Model 'a' must cover the images of its boxes"),
    ],
)
def test_wrong_content(tmp_path: Path, metadata: str, message: str) -> None:
    path = written(tmp_path)
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata({"recycle.predictions": metadata}), path)
    with pytest.raises(DataError, match=message):
        read_parquet(path)
