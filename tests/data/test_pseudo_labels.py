"""Predictions as labels: what is believed, what is ignored, what is left out."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recycle.data.coco import Category, Dataset
from recycle.data.pseudo_labels import LabelThresholds, pseudo_document, read_pseudo_labels, write_pseudo_labels
from recycle.errors import DataError
from tests.evaluation.scenes import found, random_predictions, random_truth, truth_of

IMAGES = truth_of([])
BOX = (10.0, 20.0, 30.0, 40.0)


def thresholds(*label: float, ignore: float = 0.3) -> LabelThresholds:
    return LabelThresholds(np.array(label), ignore)


def test_boxes_are_labels_ignored_or_left_out_by_their_score() -> None:
    boxes = [(0, 0, BOX, 0.75), (0, 1, BOX, 0.75), (0, 0, BOX, 0.3), (0, 0, BOX, 0.29), (2, 1, BOX, 0.9)]
    document = pseudo_document(found(boxes), IMAGES, thresholds(0.75, 0.8), keep_empty=False)
    assert [image["id"] for image in document["images"]] == [0, 2]
    kept = [(a["image_id"], a["category_id"], a["iscrowd"], round(a["score"], 4)) for a in document["annotations"]]
    assert kept == [(0, 7, 0, 0.75), (0, 17, 1, 0.75), (0, 7, 1, 0.3), (2, 17, 0, 0.9)]
    first = document["annotations"][0]
    assert (first["id"], first["bbox"], first["area"]) == (1, list(BOX), 1200)


@pytest.mark.parametrize(("keep_empty", "images"), [(False, [0]), (True, [0, 1, 2])])
def test_images_without_a_label_stay_only_if_asked_for(keep_empty: bool, images: list[int]) -> None:
    boxes = [(0, 0, BOX, 0.9), (1, 0, BOX, 0.4)]
    document = pseudo_document(found(boxes), IMAGES, thresholds(0.75, 0.75), keep_empty=keep_empty)
    assert [image["id"] for image in document["images"]] == images
    assert {a["image_id"] for a in document["annotations"]} == ({0, 1} if keep_empty else {0})


def test_a_class_without_a_threshold_has_no_labels() -> None:
    document = pseudo_document(found([(0, 1, BOX, 1.0)]), IMAGES, thresholds(0.1, np.inf), keep_empty=False)
    assert document["annotations"] == []
    assert document["images"] == []


def test_a_file_keeps_boxes_scores_and_regions(tmp_path: Path) -> None:
    path = tmp_path / "pseudo.json"
    boxes = [(0, 0, BOX, 0.9), (0, 1, BOX, 0.5)]
    write_pseudo_labels(pseudo_document(found(boxes), IMAGES, thresholds(0.75, 0.75), keep_empty=False), path)
    assert '"score": 0.8999' in path.read_text()
    labels = read_pseudo_labels(path, IMAGES)
    assert labels.folder == IMAGES.folder
    assert [(a.bbox, a.iscrowd) for a in labels.annotations] == [(BOX, False), (BOX, True)]


def test_another_class_list_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "pseudo.json"
    document = pseudo_document(found([(0, 0, BOX, 0.9)]), IMAGES, thresholds(0.7, 0.7), keep_empty=False)
    write_pseudo_labels(document, path)
    others = replace(IMAGES, categories=(Category(7, "class 0"), Category(17, "Glass")))
    with pytest.raises(DataError, match=r"pseudo.json: its classes must be those of the data, class 0, Glass, but"):
        read_pseudo_labels(path, others)


@pytest.mark.parametrize(
    ("images", "label", "expected"),
    [
        (IMAGES, 2, "Label must be below the number of classes, 2, but got label=2"),
        (IMAGES.subset([1, 2]), 0, "Pseudo labels must be of the data set's images, but got image_id=0"),
    ],
)
def test_predictions_that_do_not_fit_are_refused(images: Dataset, label: int, expected: str) -> None:
    with pytest.raises(DataError, match=expected):
        pseudo_document(found([(0, label, BOX, 0.9)]), images, thresholds(0.7, 0.7), keep_empty=True)


@given(seed=st.integers(0, 2**31), label=st.floats(0.05, 1), ignore=st.floats(0.05, 1), keep_empty=st.booleans())
def test_no_box_is_lost_and_none_is_both(seed: int, label: float, ignore: float, keep_empty: bool) -> None:
    rng = np.random.default_rng(seed)
    truth = random_truth(rng, boxes=20, images=8)
    predictions = random_predictions(rng, truth, boxes=60)
    believed = thresholds(*[label] * 5, ignore=ignore)
    document = pseudo_document(predictions, truth, believed, keep_empty=keep_empty)
    known = {image["id"] for image in document["images"]}
    sure = predictions.scores >= np.float32(label)
    assert sum(not a["iscrowd"] for a in document["annotations"]) == sure.sum()
    assert known >= set(predictions.image_ids[sure].tolist())
    assert all(
        a["image_id"] in known and a["score"] >= np.float32(ignore) for a in document["annotations"] if a["iscrowd"]
    )
    assert keep_empty == (known == set(predictions.covered.tolist())) or not keep_empty
