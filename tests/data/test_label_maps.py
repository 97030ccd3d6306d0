from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recycle.data.coco import Annotation, Category, Dataset, Image
from recycle.data.findings import Findings
from recycle.data.label_map_checks import check_masks
from recycle.data.label_maps import (
    decode_mask,
    encode_labels,
    label_map_of,
    label_maps,
    labels_of,
    scale_label_map,
)
from recycle.data.records import Segmentation
from recycle.predictions.probabilities import IGNORED

IMAGE = Image(1, "a.jpg", 8, 6)
SQUARE = [[1.0, 1.0, 5.0, 1.0, 5.0, 5.0, 1.0, 5.0]]
RIGHT: Segmentation = {"size": [6, 8], "counts": [24, 24]}
"""Columns 4 to 7."""


def annotation(number: int, category: int, mask: Segmentation | None, *, crowd: bool = False) -> Annotation:
    return Annotation(number, 1, category, (2.0, 0.0, 2.0, 2.0), 4.0, crowd, mask)


def dataset(*annotations: Annotation) -> Dataset:
    return Dataset(Path("nowhere"), (Category(5, "Paper"), Category(3, "Glass")), (IMAGE,), annotations)


def drawn(*annotations: Annotation) -> np.ndarray:
    return label_map_of(dataset(), IMAGE, annotations)


def test_categories_in_order_follow_the_background() -> None:
    assert labels_of(dataset()) == ("Background", "Paper", "Glass")
    result = drawn(annotation(1, 5, SQUARE), annotation(2, 3, RIGHT))
    assert result.shape == (6, 8)
    assert set(np.unique(result)) == {0, 1, 2}


@pytest.mark.parametrize(("first", "on_top"), [(5, 2), (3, 1)])
def test_later_annotations_lie_on_top(first: int, on_top: int) -> None:
    result = drawn(annotation(1, first, SQUARE), annotation(2, 8 - first, RIGHT))
    assert result[2, 4] == on_top
    assert result[2, 2] == 3 - on_top
    assert result[0, 0] == 0


def test_crowds_are_ignored_even_below_objects_and_where_they_have_a_box_alone() -> None:
    result = drawn(annotation(1, 5, None, crowd=True), annotation(2, 3, SQUARE))
    assert (result[:2, 2:4] == IGNORED).all()
    assert result[3, 3] == 2


def test_all_kinds_of_run_length_encodings_are_the_same_pixels() -> None:
    expected = decode_mask(RIGHT, 6, 8)
    assert expected[:, 4:].all()
    assert not expected[:, :4].any()
    compressed = encode_labels(expected.astype(np.uint8))[1]
    assert isinstance(compressed["counts"], str)
    assert np.array_equal(decode_mask(compressed, 6, 8), expected)


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**31))
def test_encoded_labels_draw_the_same_map(height: int, width: int, seed: int) -> None:
    labels = np.random.default_rng(seed).choice(np.array([0, 1, 2, IGNORED], np.uint8), (height, width))
    encoded = encode_labels(labels)
    again = np.zeros_like(labels)
    for label, mask in encoded.items():
        again[decode_mask(mask, height, width)] = label
    assert np.array_equal(again, labels)


def test_scaling_makes_no_new_label() -> None:
    labels = np.array([[0, 7], [IGNORED, 3]], np.uint8)
    assert np.array_equal(scale_label_map(labels, (6, 8)), labels.repeat(3, axis=0).repeat(4, axis=1))
    assert scale_label_map(labels, (2, 2)) is labels


def test_maps_come_with_their_images_at_the_asked_size() -> None:
    ((image, labels),) = label_maps(dataset(annotation(1, 5, SQUARE)), (12, 16))
    assert image == IMAGE
    assert labels.shape == (12, 16)
    assert (labels[2:10, 2:10] == 1).all()
    assert np.count_nonzero(labels) == 64


def test_objects_without_a_mask_are_found_and_crowds_without_one_are_not() -> None:
    findings = Findings(())
    check_masks(dataset(annotation(7, 5, None), annotation(8, 5, None, crowd=True)), findings)
    (found,) = findings.report().findings
    assert (found.rule, found.file, found.record, found.severity) == ("mask_missing", "a.jpg", "annotation 7", "error")


def test_more_classes_than_a_byte_holds_are_found() -> None:
    categories = tuple(Category(number, str(number)) for number in range(255))
    findings = Findings(())
    check_masks(replace(dataset(), categories=categories), findings)
    assert [found.rule for found in findings.report().findings] == ["too_many_classes"]
