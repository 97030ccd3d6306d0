import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recycle.errors import DataError
from recycle.predictions.coco_results import parse_coco_results, write_coco_results
from recycle.predictions.values import Predictions
from tests.predictions.strategies import predictions

FILES = {7: "a.jpg", 3: "b.jpg", 9: "c.jpg"}
LABELS = {11: 0, 5: 1}
GOOD: dict[str, Any] = {"image_id": 7, "category_id": 5, "bbox": [10, 20, 30.5, 40], "score": 0.25}


def test_ids_become_names_and_labels() -> None:
    records = [GOOD, {**GOOD, "image_id": 3, "category_id": 11, "segmentation": [], "id": 4}, GOOD]
    found = parse_coco_results(records, "r.json", FILES, LABELS)
    assert found.images == ("a.jpg", "b.jpg")
    assert found.positions.tolist() == [0, 1, 0]
    assert found.values.tolist() == [[label, 0.25, 10, 20, 40.5, 60] for label in (1, 0, 1)]
    assert found.place(1) == "r.json: record 1, image b.jpg"
    assert not found.lists_all


def test_no_records_are_no_boxes() -> None:
    found = parse_coco_results([], "r.json", FILES, LABELS)
    assert (len(found), found.images, found.values.shape) == (0, (), (0, 6))


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"annotations": []}, "r.json: COCO results must be a JSON list, but got dict"),
        ([3], "r.json: record 0: must be an object, but got 3"),
        ([{"image_id": 7}], "r.json: record 0: category_id is missing"),
        ([GOOD, {**GOOD, "image_id": 8}], "r.json: record 1: image_id must be that of a known image, but got 8"),
        ([{**GOOD, "image_id": "7"}], "r.json: record 0: image_id must be that of a known image, but got '7'"),
        ([{**GOOD, "image_id": True}], "r.json: record 0: image_id must be that of a known image, but got True"),
        (
            [{**GOOD, "category_id": 0}],
            "r.json: record 0, image a.jpg: category_id must be that of a known category, but got 0",
        ),
        ([{**GOOD, "score": "0.5"}], "r.json: record 0, image a.jpg: score must be a number, but got '0.5'"),
        ([{**GOOD, "score": None}], "r.json: record 0, image a.jpg: score must be a number, but got None"),
        (
            [{**GOOD, "score": float("nan")}],
            "r.json: record 0, image a.jpg: score must be finite, but got score=nan",
        ),
        (
            [GOOD, {**GOOD, "score": 3}],
            "r.json: record 1, image a.jpg: score must be between 0 and 1 inclusive, but got score=3",
        ),
        ([{**GOOD, "bbox": [1, 2, 3]}], "r.json: record 0, image a.jpg: bbox must be four numbers, but got [1, 2, 3]"),
        ([{**GOOD, "bbox": [1, 2, 3, "4"]}], "r.json: record 0, image a.jpg: bbox must be four numbers, but got [1"),
        ([{**GOOD, "bbox": [10**400, 2, 3, 4]}], "r.json: record 0, image a.jpg: bbox must be four numbers, but got ["),
    ],
)
def test_records_that_are_refused(document: object, message: str) -> None:
    with pytest.raises(DataError) as error:
        parse_coco_results(document, "r.json", FILES, LABELS)
    assert str(error.value).startswith(message)


@given(predictions(models=1, image_ids=st.integers(0, 2**62)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_written_is_read(tmp_path: Path, value: Predictions) -> None:
    path = tmp_path / "r.json"
    names = {image: f"{image}.jpg" for image in value.covered.tolist()}
    write_coco_results(value, range(100, 110), path)
    found = parse_coco_results(json.loads(path.read_text()), "r.json", names, {100 + i: i for i in range(10)})
    order = np.lexsort((-value.scores, value.image_ids))
    np.testing.assert_array_equal(found.labels, value.labels[order])
    np.testing.assert_array_equal(found.values[:, 1].astype(np.float32), value.scores[order])
    np.testing.assert_allclose(found.values[:, 2:], value.boxes[order], rtol=1e-7, atol=2e-9)
    assert [found.images[i] for i in found.positions] == [names[image] for image in value.image_ids[order].tolist()]


def test_numbers_are_as_short_as_they_can_be(tmp_path: Path) -> None:
    value = Predictions(
        image_ids=np.array([7]),
        model_ids=np.array([0]),
        boxes=np.array([[0.1, 0.2, 10.3, 20]], np.float32),
        scores=np.array([0.7], np.float32),
        labels=np.array([1]),
        models=("fused",),
        coverage=(np.array([3, 7]),),
    )
    path = tmp_path / "new" / "r.json"
    write_coco_results(value, [11, 5], path)
    assert path.read_text() == '[{"image_id":7,"category_id":5,"bbox":[0.1,0.2,10.2,19.8],"score":0.7}]'


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (Predictions.empty(["a", "b"], [np.array([1]), np.array([1])]), "must hold one model, but got 2 models"),
        (
            Predictions(
                image_ids=np.array([1]),
                model_ids=np.array([0]),
                boxes=np.array([[0, 0, 1, 1]], np.float32),
                scores=np.array([1.0]),
                labels=np.array([2]),
                models=("a",),
                coverage=(np.array([1]),),
            ),
            "must have a category, but label 2 has none",
        ),
    ],
)
def test_what_cannot_be_written(tmp_path: Path, value: Predictions, message: str) -> None:
    with pytest.raises(DataError, match=message):
        write_coco_results(value, [11, 5], tmp_path / "r.json")
    assert not list(tmp_path.iterdir())
