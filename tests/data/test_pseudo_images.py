"""Pseudo-labelled images in a training: how many, which when, and mixed with what."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import recycle.models  # noqa: F401 - mmdet may not be imported before it
from recycle.data.coco import Dataset
from recycle.data.loading import DetectionImages
from recycle.data.pseudo_images import PseudoImages
from recycle.data.transforms import training_pipeline
from recycle.recipe import Mixup, Mosaic, PseudoMixing, Resize
from tests.evaluation.scenes import truth_of

RESIZE = Resize(type="resize")


@pytest.mark.parametrize(("share", "places"), [(0.5, 10), (0.2, 2), (0.75, 30), (0.01, 1)])
def test_a_share_of_an_epoch_is_pseudo_labelled(share: float, places: int) -> None:
    assert PseudoImages(truth_of([]), "side_by_side", share).places(10) == places
    assert PseudoImages(truth_of([]), "mixup", share).places(10) == 0


@given(images=st.integers(1, 12), places=st.integers(1, 15), epochs=st.integers(1, 6), seed=st.integers(0, 2**31))
def test_every_image_is_seen_before_any_is_seen_again(images: int, places: int, epochs: int, seed: int) -> None:
    pseudo = PseudoImages(truth_of([], images=images), "side_by_side", 0.5)
    seen = [pseudo.at(place, places, epoch, seed) for epoch in range(epochs) for place in range(places)]
    counts = Counter(seen)
    assert max(counts.values()) - min(counts.get(image, 0) for image in range(images)) <= 1
    again = [pseudo.at(place, places, epoch, seed) for epoch in range(epochs) for place in range(places)]
    assert seen == again


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return grey_images(tmp_path_factory.mktemp("labelled"), 0, count=4)


@pytest.fixture(scope="module")
def pseudo(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return grey_images(tmp_path_factory.mktemp("pseudo"), 200, count=3)


def grey_images(folder: Path, level: int, *, count: int) -> Dataset:
    """Images of one grey, each with an object of class 0 if they are dark, and else of class 1."""
    import PIL.Image

    truth = truth_of([(i, int(level > 100), (10.0, 10.0, 50.0, 50.0)) for i in range(count)], images=count)
    for image in truth.images:
        PIL.Image.fromarray(np.full((image.height, image.width, 3), level, np.uint8)).save(folder / image.file_name)
    return Dataset(folder, truth.categories, truth.images, truth.annotations)


def images_of(
    labelled: Dataset, pseudo: Dataset, mixing: PseudoMixing, share: float, *more: Mosaic | Mixup
) -> DetectionImages:
    pipeline = training_pipeline(64, [RESIZE, *more], pseudo_share=share if mixing == "mixup" else 0.0)
    return DetectionImages(labelled, pipeline, 7, PseudoImages(pseudo, mixing, share))


def seen(images: DetectionImages, epoch: int = 0) -> list[tuple[int, list[int]]]:
    """The middle grey and the labels of each image."""
    images.set_epoch(epoch)
    samples = [images[index] for index in range(len(images))]
    return [
        (int(s["inputs"][0].float().median()), sorted(s["data_samples"].gt_instances.labels.tolist())) for s in samples
    ]


def test_side_by_side_images_come_after_the_labelled_ones(labelled: Dataset, pseudo: Dataset) -> None:
    images = images_of(labelled, pseudo, "side_by_side", 0.5)
    assert seen(images) == [(0, [0])] * 4 + [(200, [1])] * 4


def test_mixup_averages_labelled_with_pseudo_labelled_images(labelled: Dataset, pseudo: Dataset) -> None:
    images = images_of(labelled, pseudo, "mixup", 0.5)
    assert len(images) == 4
    epochs = [seen(images, epoch) for epoch in range(20)]
    counts = Counter((grey, tuple(labels)) for epoch in epochs for grey, labels in epoch)
    assert set(counts) == {(0, (0,)), (100, (0, 1))}
    assert 0.3 < counts[100, (0, 1)] / 80 < 0.7
    assert [seen(images, epoch) for epoch in range(20)] == epochs


def test_other_mixing_takes_partners_of_both_kinds(labelled: Dataset, pseudo: Dataset) -> None:
    images = images_of(labelled, pseudo, "side_by_side", 0.5, Mixup(type="mixup", probability=1))
    greys = {grey for epoch in range(5) for grey, _ in seen(images, epoch)}
    assert greys == {0, 100, 200}


def test_mosaics_of_labelled_images_are_mixed_with_mosaics_of_any(labelled: Dataset, pseudo: Dataset) -> None:
    images = images_of(labelled, pseudo, "mixup", 0.9, Mosaic(type="mosaic", probability=1, min_visible=0))
    labels = [set(labels) for epoch in range(5) for _, labels in seen(images, epoch)]
    assert {0, 1} in labels
