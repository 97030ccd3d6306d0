"""Label maps as pseudo labels: files of COCO that give back what was sure, and what is ignored."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recycle.data.coco import Dataset
from recycle.data.label_maps import LabelMap, label_maps
from recycle.data.pseudo_labels import read_pseudo_labels, write_pseudo_labels
from recycle.data.pseudo_pixels import pseudo_pixels_document, shows_object
from recycle.predictions.probabilities import IGNORED
from tests.evaluation.scenes import truth_of

SIZES = ((48, 32), (64, 64), (33, 50))
IMAGES = truth_of([])
DATASET: Dataset = replace(
    IMAGES,
    images=tuple(replace(one, height=h, width=w) for one, (h, w) in zip(IMAGES.images, SIZES, strict=True)),
)


def random_map(seed: int, side: int = 16) -> LabelMap:
    return np.random.default_rng(seed).choice(np.array([0, 1, 2, IGNORED], np.uint8), (side, side))


@given(st.integers(0, 10_000))
def test_documents_give_back_the_label_maps_at_the_size_of_images(seed: int) -> None:
    maps = {image.id: random_map(seed + image.id, 16) for image in DATASET.images}
    document = pseudo_pixels_document(maps, DATASET)
    assert [one["id"] for one in document["annotations"]] == list(range(1, len(document["annotations"]) + 1))
    for annotation in document["annotations"]:
        x, y, width, height = annotation["bbox"]
        size = SIZES[annotation["image_id"]]
        assert 0 <= x < x + width <= size[1]
        assert 0 <= y < y + height <= size[0]
        assert 0 < annotation["area"] <= width * height


def test_a_file_is_drawn_as_it_was_predicted(tmp_path: Path) -> None:
    path, maps = tmp_path / "pseudo.json", {1: random_map(0, 64)}
    write_pseudo_labels(pseudo_pixels_document(maps, DATASET), path)
    ((image, drawn),) = label_maps(read_pseudo_labels(path, DATASET))
    assert image == DATASET.images[1]
    assert np.array_equal(drawn, maps[1])


@pytest.mark.parametrize(("labels", "expected"), [([0, 0], False), ([0, IGNORED], False), ([IGNORED, 2], True)])
def test_background_and_ignored_pixels_are_no_objects(labels: list[int], expected: bool) -> None:
    assert shows_object(np.array([labels], np.uint8)) is expected
