"""Predictions as Parquet files: one row a box, models and coverage in the file's metadata."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from recycle.errors import DataError
from recycle.files import replacing
from recycle.predictions.values import Predictions

_METADATA_KEY = b"recycle.predictions"
_VERSION = 1
_CORNERS = ("x1", "y1", "x2", "y2")


def write_parquet(predictions: Predictions, path: Path) -> None:
    """Writes a file that `read_parquet` turns back into the same value, bit for bit.

    Columns are image_id (int64), model_id (int32), x1, y1, x2, y2 (float32, pixels), score (float32) and
    label (int32), compressed by zstd. The file appears complete or not at all.

    Args:
        predictions: What to store.
        path: The file, conventionally `*.parquet`; its folder is made if it is missing.
    """
    table = pa.table(
        {
            "image_id": predictions.image_ids,
            "model_id": predictions.model_ids,
            **{name: np.ascontiguousarray(predictions.boxes[:, i]) for i, name in enumerate(_CORNERS)},
            "score": predictions.scores,
            "label": predictions.labels,
        }
    )
    with replacing(path) as temporary, _writer(temporary, table.schema) as writer:
        writer.write_table(table)
        # Metadata of the schema would be stored twice.
        writer.add_key_value_metadata({_METADATA_KEY: _models_to_json(predictions)})


def read_parquet(path: Path) -> Predictions:
    """Reads a file that `write_parquet` wrote.

    Raises:
        DataError: If the file is missing, damaged, or no file of predictions.
    """
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            table, metadata = file.read(), file.metadata.metadata or {}
    except (OSError, ValueError, pa.ArrowException) as error:
        raise DataError(f"{path}: must be a readable Parquet file, but got: {error}") from error
    if _METADATA_KEY not in metadata:
        raise DataError(f"{path}: must be a Parquet file of predictions, but it has no such metadata.")
    try:
        return _from_table(table, json.loads(metadata[_METADATA_KEY]))
    except (DataError, KeyError, ValueError, TypeError) as error:
        raise DataError(f"{path}: must hold valid predictions, but got: {error}") from error


def _writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    return pq.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True)


def _models_to_json(predictions: Predictions) -> str:
    pairs = zip(predictions.models, predictions.coverage, strict=True)
    models = [{"name": name, "image_ids": ids.tolist()} for name, ids in pairs]
    return json.dumps({"version": _VERSION, "models": models}, separators=(",", ":"))


def _from_table(table: pa.Table, metadata: dict[str, Any]) -> Predictions:
    if metadata["version"] != _VERSION:
        raise DataError(f"version must be {_VERSION}, but got version={metadata['version']}.")
    return Predictions(
        image_ids=table["image_id"].to_numpy(),
        model_ids=table["model_id"].to_numpy(),
        boxes=np.stack([table[name].to_numpy() for name in _CORNERS], axis=1),
        scores=table["score"].to_numpy(),
        labels=table["label"].to_numpy(),
        models=tuple(model["name"] for model in metadata["models"]),
        coverage=tuple(np.array(model["image_ids"], np.int64) for model in metadata["models"]),
    )
