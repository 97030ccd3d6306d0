"""Exports: tables come back from their CSV, and the script for FiftyOne names files that are there and say the same."""

import csv
import io
import json
import runpy
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recycle.data.coco import read_coco
from recycle.predictions.coco_results import parse_coco_results
from recycle.report.exports import DataTable, write_fiftyone, write_tables
from tests.evaluation.scenes import random_predictions, random_truth

texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]))


@given(st.lists(st.tuples(texts, st.integers(), st.floats(allow_nan=False))))
def test_a_table_comes_back_from_its_csv(rows: list[tuple[str, int, float]]) -> None:
    table = DataTable("classes", "Classes", ("name", "count", "share"), tuple(rows))
    heading, *read = csv.reader(io.StringIO(table.to_csv()))
    assert tuple(heading) == table.columns
    assert [(name, int(count), float(share)) for name, count, share in read] == rows


def test_what_is_not_known_is_empty_and_names_are_as_they_are(tmp_path: Path) -> None:
    table = DataTable("scores", "Scores", ("model", "mAP50"), (('<b>"재활용", ♻️</b>', None), ("yolov5", 0.5)))
    (file,) = write_tables([table], tmp_path / "tables")
    assert file == tmp_path / "tables" / "scores.csv"
    assert file.read_text(encoding="utf-8") == 'model,mAP50\n"<b>""재활용"", ♻️</b>",\nyolov5,0.5\n'


def test_fiftyone_gets_truth_and_predictions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    truth = random_truth(rng)
    predictions = {name: random_predictions(rng, truth) for name in ("cascade-rcnn", "cascade_rcnn", "truth")}
    script = write_fiftyone(truth, predictions, tmp_path)
    calls: dict[str, tuple[Any, ...]] = {}
    _stand_in_for_fiftyone(monkeypatch, calls)
    runpy.run_path(str(script))
    images, labels = calls.pop("dataset")
    assert Path(images) == truth.folder.absolute()
    assert read_coco(Path(labels), truth.folder) == truth
    assert list(calls) == ["cascade_rcnn", "cascade_rcnn_", "truth_"]
    file_names = {image.id: image.file_name for image in truth.images}
    for (path, categories), one in zip(calls.values(), predictions.values(), strict=True):
        assert categories == [vars(category) for category in truth.categories]
        found = parse_coco_results(json.loads(Path(path).read_text()), path, file_names, truth.label_of)
        assert len(found.values) == len(one)


def _stand_in_for_fiftyone(monkeypatch: pytest.MonkeyPatch, calls: dict[str, tuple[Any, ...]]) -> None:
    """A module that notes the calls of the script, as FiftyOne itself is no part of the tests."""

    class Dataset:
        @classmethod
        def from_dir(cls, *, data_path: str, labels_path: str, **_: object) -> str:
            calls["dataset"] = (data_path, labels_path)
            return "data set"

    def add_coco_labels(dataset: str, field: str, path: str, categories: list[Any], *, coco_id_field: str) -> None:
        assert (dataset, coco_id_field) == ("data set", "coco_id")
        calls[field] = (path, categories)

    root, utils, coco = (types.ModuleType(f"fiftyone{name}") for name in ("", ".utils", ".utils.coco"))
    root.__dict__.update(Dataset=Dataset, types=types.SimpleNamespace(COCODetectionDataset=None), utils=utils)
    utils.__dict__.update(coco=coco)
    coco.__dict__.update(add_coco_labels=add_coco_labels)
    for module in (root, utils, coco):
        monkeypatch.setitem(sys.modules, module.__name__, module)
