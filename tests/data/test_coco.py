import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recycle.data.coco import Annotation, Category, Dataset, Image, read_coco, write_coco
from recycle.errors import DataError
from tests.data.small_dataset import document, write_dataset


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return read_coco(write_dataset(tmp_path), tmp_path)


@pytest.mark.parametrize("name", ["copy.json", "copy.json.gz"])
def test_round_trip(dataset: Dataset, tmp_path: Path, name: str) -> None:
    write_coco(dataset, tmp_path / name)
    assert read_coco(tmp_path / name, tmp_path) == dataset


def test_masks_survive_a_round_trip(dataset: Dataset, tmp_path: Path) -> None:
    masks: list[Any] = [[[0, 0, 9, 0, 9, 9.5]], {"size": [32, 48], "counts": "abc"}, {"size": [2, 2], "counts": [1, 3]}]
    annotations = tuple(
        Annotation(i, 1, 0, (0.0, 0.0, 9.0, 9.5), 40.5, bool(i), mask) for i, mask in enumerate(masks[:2])
    )
    masked = Dataset(dataset.folder, dataset.categories, dataset.images, annotations)
    write_coco(masked, tmp_path / "masks.json")
    assert read_coco(tmp_path / "masks.json", tmp_path) == masked


def test_boxes_are_columns_with_corners_and_labels(tmp_path: Path) -> None:
    content = document()
    content["categories"] = [{"id": 7, "name": "Glass"}, {"id": 3, "name": "Paper"}]
    content["annotations"] = [{"id": 9, "image_id": 2, "category_id": 3, "bbox": [1, 2, 3, 4]}]
    (tmp_path / "a.json").write_text(json.dumps(content))
    truth = read_coco(tmp_path / "a.json", tmp_path).boxes()
    assert truth.image_ids.tolist() == [2]
    assert truth.labels.tolist() == [1]
    assert truth.areas.tolist() == [12]
    assert truth.is_crowd.tolist() == [False]
    np.testing.assert_array_equal(truth.boxes, np.array([[1, 2, 4, 6]], np.float32))
    assert len(truth) == 1


def test_boxes_of_nothing_keep_their_shape() -> None:
    empty = Dataset(Path(), (), (), ()).boxes()
    assert empty.boxes.shape == (0, 4)
    assert empty.boxes.dtype == np.float32


def test_subset_keeps_order_classes_and_annotations(dataset: Dataset) -> None:
    part = dataset.subset([3, 1])
    assert [image.id for image in part.images] == [1, 3]
    assert [annotation.id for annotation in part.annotations] == [1, 2, 4]
    assert part.class_names == ("Paper", "Glass")
    with pytest.raises(DataError, match="image_id=8"):
        dataset.subset([1, 8])


def test_annotations_by_image_lists_images_without_any(dataset: Dataset) -> None:
    bare = Dataset(dataset.folder, dataset.categories, dataset.images, dataset.annotations[:2])
    assert {key: [a.id for a in held] for key, held in bare.annotations_by_image().items()} == {1: [1, 2], 2: [], 3: []}


IMAGE, PAPER = Image(1, "a.jpg", 9, 9), Category(0, "Paper")
BOX = Annotation(1, 1, 0, (0.0, 0.0, 1.0, 1.0), 1.0, False, None)


@pytest.mark.parametrize(
    ("categories", "images", "annotations", "message"),
    [
        ((PAPER, Category(0, "Glass")), (), (), "category id must occur once, but 0"),
        ((PAPER, Category(1, "Paper")), (), (), "category name must occur once, but 'Paper'"),
        ((), (IMAGE, Image(1, "b.jpg", 9, 9)), (), "image id must occur once, but 1"),
        ((), (IMAGE, Image(2, "a.jpg", 9, 9)), (), "file_name must occur once, but 'a.jpg'"),
        ((PAPER,), (IMAGE,), (BOX, BOX), "annotation id must occur once, but 1"),
        ((PAPER,), (), (BOX,), "unknown image_id=1"),
        ((), (IMAGE,), (BOX,), "unknown category_id=0"),
    ],
)
def test_a_data_set_that_contradicts_itself_cannot_be_made(
    categories: Any, images: Any, annotations: Any, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        Dataset(Path(), categories, images, annotations)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "must be a JSON object, but got list"),
        ("{}", "`categories` must be a list"),
        ('{"categories": [], "images": [{"id": 1}], "annotations": []}', r"images\[0\]: `file_name` is missing"),
        ('{"categories": [{"id": 0, "name": "a"}, 5], "images": [], "annotations": []}', r"categories\[1\]: .*got 5"),
    ],
)
def test_reading_stops_at_what_is_not_coco(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(DataError, match=message):
        read_coco(tmp_path / "a.json", tmp_path)
