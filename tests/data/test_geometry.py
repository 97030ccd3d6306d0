"""Crops and turns of images on which every object is where its colour is."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import recycle.models  # noqa: F401 - mmdet may not be imported before it
from recycle.data.coco import Dataset
from recycle.data.geometry import draw_span
from recycle.recipe import Augmentation, RandomCrop, RandomResizedCrop, Resize, Rotate90
from tests.data.coloured_scenes import (
    SIZE,
    assert_objects_lie_where_their_colours_are,
    coloured,
    load,
    pixels_of,
    write_scenes,
)

RESIZE = Resize(type="resize")
FEW = settings(max_examples=25, deadline=None)
SIZES = st.floats(0.2, 1.0)
SEEDS = st.integers(0, 1000)


@FEW
@given(seed=SEEDS, sizes=st.tuples(SIZES, SIZES), keep=st.booleans(), index=st.integers(0, 5))
def test_random_crops(
    masked: Dataset, boxed: Dataset, seed: int, sizes: tuple[float, float], keep: bool, index: int
) -> None:
    crop = RandomCrop(
        type="random_crop",
        probability=1,
        min_size=min(sizes),
        max_size=max(sizes),
        keep_objects=keep,
        min_visible=0,
    )
    for dataset, with_masks in ((masked, True), (masked, False), (boxed, True), (boxed, False)):
        packed = load(dataset, RESIZE, crop, seed=seed, with_masks=with_masks)[index]
        if dataset is boxed or with_masks:  # the box of a cut ellipse may be larger than what is left of the ellipse
            assert_objects_lie_where_their_colours_are(packed, rim=0)
        height, width = pixels_of(packed).shape[:2]
        assert 1 <= height <= SIZE
        assert 1 <= width <= SIZE
        assert packed["data_samples"].img_shape == (height, width)


@FEW
@given(seed=SEEDS, size=st.floats(0.01, 0.5), index=st.integers(0, 5), with_masks=st.booleans())
def test_crops_keep_an_object_whole_when_asked(
    masked: Dataset, seed: int, size: float, index: int, with_masks: bool
) -> None:
    crop = RandomCrop(type="random_crop", probability=1, min_size=size, max_size=size, keep_objects=True, min_visible=1)
    before = load(masked, RESIZE, with_masks=with_masks)[index]["data_samples"].gt_instances
    after = load(masked, RESIZE, crop, seed=seed, with_masks=with_masks)[index]["data_samples"].gt_instances
    assert len(after) > 0
    whole = {int(label): box[2:] - box[:2] for label, box in zip(before.labels, before.bboxes.tensor, strict=True)}
    for label, box in zip(after.labels, after.bboxes.tensor, strict=True):
        assert (box[2:] - box[:2]).tolist() == whole[int(label)].tolist()


@FEW
@given(seed=SEEDS, areas=st.tuples(SIZES, SIZES), ratios=st.tuples(st.floats(0.2, 5), st.floats(0.2, 5)))
def test_random_resized_crops(
    masked: Dataset, boxed: Dataset, seed: int, areas: tuple[float, float], ratios: tuple[float, float]
) -> None:
    crop = RandomResizedCrop(
        type="random_resized_crop",
        probability=1,
        min_area=min(areas),
        max_area=max(areas),
        min_ratio=min(ratios),
        max_ratio=max(ratios),
        min_visible=0,
    )
    packed = load(boxed, crop, RESIZE, seed=seed, with_masks=False)[seed % 6]
    assert pixels_of(packed).shape == (SIZE, SIZE, 3)
    assert_objects_lie_where_their_colours_are(packed, rim=3)  # a piece one pixel wide may become six
    assert len(load(masked, crop, RESIZE, seed=seed)[seed % 6]["data_samples"].gt_instances.masks) <= 3


@pytest.mark.parametrize("share", [0.3, 0.6])
def test_random_resized_crops_have_the_area_asked_for(masked: Dataset, share: float) -> None:
    """The same red pixels take more of the image the less of it remains."""
    crop = RandomResizedCrop(type="random_resized_crop", probability=1, min_area=share, max_area=share, min_visible=0)
    whole = np.mean([[coloured(pixels_of(image), label).mean() for label in range(3)] for image in take(masked)])
    cropped = np.mean(
        [
            [coloured(pixels_of(image), label).mean() for label in range(3)]
            for seed in range(12)
            for image in take(masked, crop, seed=seed)
        ]
    )
    # Pixels in the middle are in most crops, so what is seen is more than the mean over places.
    assert 0.8 < cropped / whole < 1.3 / share


def take(dataset: Dataset, *augmentations: Augmentation, seed: int = 0) -> list[dict[str, object]]:
    images = load(dataset, *augmentations, RESIZE, seed=seed)
    return [images[index] for index in range(len(images))]


@FEW
@given(seed=SEEDS, index=st.integers(0, 5))
def test_turns_by_quarters(masked: Dataset, boxed: Dataset, seed: int, index: int) -> None:
    turn = Rotate90(type="rotate_90", probability=1)
    for dataset, with_masks in ((masked, True), (boxed, False)):
        packed = load(dataset, RESIZE, turn, seed=seed, with_masks=with_masks)[index]
        assert_objects_lie_where_their_colours_are(packed, rim=0)
        assert len(packed["data_samples"].gt_instances) == 3


def test_all_three_turns_occur_and_keep_every_pixel(masked: Dataset) -> None:
    plain = pixels_of(load(masked, RESIZE)[1])
    turn = Rotate90(type="rotate_90", probability=1)
    turned = [pixels_of(load(masked, RESIZE, turn, seed=seed)[1]) for seed in range(20)]
    found = {quarters for image in turned for quarters in range(4) if np.array_equal(image, np.rot90(plain, quarters))}
    assert found == {1, 2, 3}


@pytest.mark.parametrize("with_masks", [True, False])
def test_objects_of_which_too_little_is_seen_are_dropped(masked: Dataset, with_masks: bool) -> None:
    """The visible part is counted in pixels of the colour, which nothing but the objects has."""
    crop = {"type": "random_crop", "probability": 1, "min_size": 0.3, "max_size": 0.7}
    strict, lenient = (RandomCrop.model_validate({**crop, "min_visible": part}) for part in (0.6, 0))
    whole = [(coloured(pixels_of(load(masked, RESIZE)[0]), label)).sum() for label in range(3)]
    parts = []
    for seed in range(40):
        kept, held = (load(masked, RESIZE, crop, seed=seed, with_masks=with_masks)[0] for crop in (strict, lenient))
        visible = np.array([coloured(pixels_of(kept), label).sum() for label in range(3)]) / whole
        labels = kept["data_samples"].gt_instances.labels.tolist()
        tolerance = 0.01 if with_masks else 0.2  # of an ellipse and its box not quite the same part is seen
        assert all(visible[label] >= 0.6 - tolerance for label in labels)
        assert all(visible[label] <= 0.6 + tolerance for label in set(range(3)) - set(labels))
        assert set(labels) <= set(held["data_samples"].gt_instances.labels.tolist())
        parts.extend(visible)
    assert sum(0.05 < part < 0.95 for part in parts) > 20


@given(
    side=st.integers(1, 50),
    length=st.integers(1, 50),
    held=st.tuples(st.integers(0, 49), st.integers(1, 50)) | st.none(),
)
def test_spans_lie_within_the_side_and_hold_what_they_must(
    side: int, length: int, held: tuple[int, int] | None
) -> None:
    length = min(side, length)
    if held:
        first = min(held[0], side - 1)
        held = first, max(first + 1, min(held[1], side))
    start, end = draw_span(side, length, held)
    assert 0 <= start < end <= side
    assert end - start == max(length, held[1] - held[0] if held else 0)
    if held:
        assert start <= held[0]
        assert end >= held[1]


def test_spans_are_drawn_from_all_places() -> None:
    np.random.seed(0)
    assert {draw_span(6, 3)[0] for _ in range(200)} == {0, 1, 2, 3}
    assert {draw_span(6, 3, (1, 2))[0] for _ in range(200)} == {0, 1}


def test_images_without_objects_pass(tmp_path: Path) -> None:
    scene = write_scenes(tmp_path, 1, 0, with_masks=True)
    empty = Dataset(scene.folder, scene.categories, scene.images, ())
    crop = RandomCrop(type="random_crop", probability=1, keep_objects=True)
    for with_masks in (True, False):
        packed = load(empty, RESIZE, crop, Rotate90(type="rotate_90", probability=1), with_masks=with_masks)[0]
        assert len(packed["data_samples"].gt_instances) == 0
