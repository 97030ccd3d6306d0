from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recycle.data.coco import write_coco
from recycle.errors import DataError, RecipeError
from recycle.orchestration.preview import PreviewTask, pick_images, write_preview
from tests.data.copy_paste_scenes import Picture, Shape, write_pictures
from tests.data.small_dataset import dataset_of
from tests.recipes import example_recipe

TASK = PreviewTask("yolov5", None, images=2, seed=0)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    scenes = [Picture(96, 80, (Shape(number % 3, 5 + 4 * number, 10, 20, 20),)) for number in range(12)]
    dataset = write_pictures(tmp_path / "data", scenes)
    write_coco(dataset, tmp_path / "data" / "annotations.json")
    return tmp_path / "data"


def test_a_sheet_is_written_and_nothing_else(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    known = sorted(tmp_path.rglob("*"))
    recipe = example_recipe(data={"folds": 2, "copy_paste": {"additions": {"Battery": 9}, "min_area": 10}})
    for name in ("sheet.png", "sheet.JPG"):
        write_preview(recipe, data, TASK, tmp_path / name)
        picture = cv2.imread(str(tmp_path / name))
        assert picture is not None
        assert picture.shape[1] > 1000
    assert sorted(tmp_path.rglob("*")) == sorted([*known, tmp_path / "sheet.png", tmp_path / "sheet.JPG"])


def test_the_fold_decides_what_is_seen(tmp_path: Path, data: Path) -> None:
    recipe = example_recipe()
    sheets = []
    for fold in (None, 0, 1):
        write_preview(recipe, data, replace(TASK, fold=fold), tmp_path / "sheet.png")
        sheets.append((tmp_path / "sheet.png").read_bytes())
    assert sheets[0] == sheets[1] != sheets[2]


@pytest.mark.parametrize(
    ("changes", "out", "error", "expected"),
    [
        ({"model": "yolo"}, "a.png", RecipeError, "models, cascade-rcnn, yolov5, but got 'yolo'"),
        ({"fold": 7}, "a.png", RecipeError, "folds that 'yolov5' is trained for, 0, 1, but got 7"),
        ({"fold": "all"}, "a.png", RecipeError, "but got all"),
        ({}, "a.gif", DataError, r"a\.gif: a preview is written as \.png, \.jpg, \.jpeg, but got \.gif"),
        ({}, "a", DataError, "but got no suffix"),
        ({}, "a.png", DataError, "missing: there is no such folder"),
    ],
)
def test_what_does_not_exist_is_refused(
    tmp_path: Path, changes: dict[str, Any], out: str, error: type[Exception], expected: str
) -> None:
    with pytest.raises(error, match=expected):
        write_preview(example_recipe(), tmp_path / "missing", replace(TASK, **changes), tmp_path / out)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12), st.integers(1, 8), st.integers(0, 99), st.data())
def test_half_of_the_images_have_pasted_objects_where_there_are_so_many(
    counts: list[int], count: int, seed: int, draw: st.DataObject
) -> None:
    dataset = dataset_of([[0] * each for each in counts], classes=1)
    pasted = draw.draw(st.sets(st.sampled_from([a.id for a in dataset.annotations]))) if dataset.annotations else set()
    picked = pick_images(dataset, pasted, count, seed)
    assert list(picked) == sorted(set(picked))
    assert len(picked) == min(count, len(counts))
    holders = {annotation.image_id for annotation in dataset.annotations if annotation.id in pasted}
    assert sum(dataset.images[position].id in holders for position in picked) >= min(len(holders), count // 2)
    assert picked == pick_images(dataset, pasted, count, seed)
