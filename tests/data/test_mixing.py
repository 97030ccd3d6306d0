"""Mosaic and mixup of images on which every object is where its colour is, and how their partners are drawn."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.dataset import pseudo_collate
from torch.utils.data import DataLoader

import recycle.models  # noqa: F401 - mmdet may not be imported before it
from recycle.data.coco import Dataset
from recycle.data.geometry import FILL
from recycle.data.loading import DetectionImages
from recycle.recipe import (
    Augmentation,
    GaussNoise,
    HorizontalFlip,
    Mixup,
    Mosaic,
    RandomCrop,
    Resize,
    Rotate90,
    ShiftScaleRotate,
)
from tests.data.coloured_scenes import (
    SIZE,
    assert_objects_lie_where_their_colours_are,
    coloured,
    load,
    pixels_of,
    write_scenes,
)

RESIZE = Resize(type="resize")
MOSAIC = Mosaic(type="mosaic", probability=1, min_visible=0)
MIXUP = Mixup(type="mixup", probability=1)
FEW = settings(max_examples=25, deadline=None)
SEEDS = st.integers(0, 1000)


def mosaic(**changes: Any) -> Mosaic:
    return Mosaic.model_validate({**MOSAIC.model_dump(), **changes})


@FEW
@given(seed=SEEDS, min_side=st.floats(0.01, 0.5))
def test_mosaics(masked: Dataset, boxed: Dataset, seed: int, min_side: float) -> None:
    for dataset, with_masks in ((masked, True), (boxed, False)):
        packed = load(dataset, RESIZE, mosaic(min_side=min_side), seed=seed, with_masks=with_masks)[seed % 6]
        assert pixels_of(packed).shape == (SIZE, SIZE, 3)
        assert packed["data_samples"].img_shape == (SIZE, SIZE)
        assert_objects_lie_where_their_colours_are(packed, rim=0)


@pytest.mark.parametrize("factor", [0.3, 0.7, 2.0])
def test_mosaics_of_images_smaller_or_larger_than_the_canvas(masked: Dataset, factor: float) -> None:
    resize = Resize(type="resize", min_factor=factor, max_factor=factor)
    for packed in epoch(masked, resize, mosaic(min_side=0.4)):
        assert pixels_of(packed).shape == (SIZE, SIZE, 3)
        assert_objects_lie_where_their_colours_are(packed, rim=2)


def grey_images(dataset: Dataset, folder: Path) -> Dataset:
    """Images without objects, each of one grey of its own from 30 on in steps of 10."""
    images = []
    for position, image in enumerate(dataset.images):
        name = f"{folder}/{position}.png"
        PIL.Image.new("RGB", (image.width, image.height), (30 + 10 * position,) * 3).save(name)
        images.append(replace(image, file_name=name))
    return replace(dataset, images=tuple(images), annotations=())


def test_a_mosaic_has_four_quadrants_each_of_one_image(masked: Dataset, tmp_path: Path) -> None:
    images = load(grey_images(masked, tmp_path), RESIZE, mosaic(min_side=0.25), with_masks=False)
    for index in range(6):
        grey = pixels_of(images[index])[:, :, 0]
        corners = [grey[0, 0], grey[0, -1], grey[-1, 0], grey[-1, -1]]
        x, y = (meeting_point(grey, axis) for axis in (1, 0))
        assert SIZE // 4 <= x <= 3 * SIZE // 4
        assert SIZE // 4 <= y <= 3 * SIZE // 4
        quadrants = (grey[:y, :x], grey[:y, x:], grey[y:, :x], grey[y:, x:])
        for quadrant, corner in zip(quadrants, corners, strict=True):
            inner = np.unique(quadrant).tolist()
            assert set(inner) <= {FILL, *range(30, 90, 10)}
            assert len(set(inner) - {FILL}) == 1
            assert corner in inner


def meeting_point(grey: npt.NDArray[np.uint8], axis: int) -> int:
    """Where most rows or columns change, one of three that may: images smaller than their quadrant end elsewhere."""
    changes = (np.diff(grey.astype(int), axis=axis) != 0).sum(axis=1 - axis)
    return int(changes.argmax()) + 1


def test_the_first_image_of_a_mosaic_is_the_one_asked_for(masked: Dataset, tmp_path: Path) -> None:
    images = load(grey_images(masked, tmp_path), RESIZE, MOSAIC, with_masks=False)
    for index in range(6):
        assert 30 + 10 * index in pixels_of(images[index])[: SIZE // 2, : SIZE // 2, 0]
        assert images[index]["data_samples"].img_id == masked.images[index].id


def test_mosaics_drop_objects_of_which_too_little_is_seen(masked: Dataset) -> None:
    counts = [
        sum(len(image["data_samples"].gt_instances) for image in epoch(masked, RESIZE, mosaic(min_visible=part)))
        for part in (0, 0.5, 1)
    ]
    assert counts[0] > counts[1] > counts[2] > 0


def epoch(dataset: Dataset, *augmentations: Augmentation, seed: int = 0) -> list[dict[str, Any]]:
    images = load(dataset, *augmentations, seed=seed)
    return [images[index] for index in range(len(images))]


@FEW
@given(seed=SEEDS)
def test_mixup_keeps_the_objects_of_both_images_where_they_are(masked: Dataset, boxed: Dataset, seed: int) -> None:
    for dataset, with_masks in ((masked, True), (boxed, False)):
        packed = load(dataset, RESIZE, MIXUP, seed=seed, with_masks=with_masks)[seed % 6]
        assert len(packed["data_samples"].gt_instances) == 6
        assert_objects_lie_where_their_colours_are(packed, share=0.5, rim=0)


def test_mixup_pads_to_a_common_size_and_averages(masked: Dataset, tmp_path: Path) -> None:
    """Images 0 to 2 are 96x96, 96x72 and 64x96 pixels, of greys of 30, 40 and 50."""
    greys = grey_images(masked.subset([0, 1, 2]), tmp_path)
    shapes = set()
    for seed in range(30):
        first = pixels_of(load(greys, RESIZE, MIXUP, seed=seed, with_masks=False)[1])[:, :, 0]
        shapes.add(first.shape)
        assert first.shape in {(72, 96), (96, 96)}
        partner = 2 * int(first[0, 0]) - 40
        assert partner in {30, 40, 50}
        if partner == 50:  # 64 px wide, 96 px high
            assert first[71, 63] == 45
            assert first[71, 64] == (40 + FILL) // 2
            assert first[72, 63] == (50 + FILL) // 2
            assert first[72, 64] == FILL
    assert shapes == {(72, 96), (96, 96)}


def test_mixup_draws_its_share_from_beta(masked: Dataset, tmp_path: Path) -> None:
    greys = grey_images(masked.subset([0, 1, 2]), tmp_path)

    def shares(alpha: float | None) -> npt.NDArray[np.float64]:
        chosen = Mixup(type="mixup", probability=1, alpha=alpha)
        images = [load(greys, RESIZE, chosen, seed=seed, with_masks=False)[0] for seed in range(60)]
        return np.array([pixels_of(image)[0, 0, 0] for image in images], np.float64)

    assert set(shares(None)) == {30, 35, 40}
    near_half, near_ends = shares(1000), shares(0.05)
    assert set(near_half) <= {30, 34, 35, 36, 39, 40, 41}
    assert np.mean(np.isin(near_ends, (30, 31, 39, 40, 49, 50))) > 0.8


@pytest.mark.parametrize("augmentation", [MOSAIC, MIXUP])
def test_partners_go_through_what_stands_before(masked: Dataset, augmentation: Augmentation) -> None:
    """Every pixel of a red, green or blue object was mirrored, those of the partners too: nothing else has colour."""
    flip = HorizontalFlip(type="horizontal_flip", probability=1)
    before = epoch(masked, RESIZE, flip, augmentation)
    plain = epoch(masked, RESIZE, augmentation)
    assert not all(np.array_equal(pixels_of(one), pixels_of(other)) for one, other in zip(before, plain, strict=True))
    halves = [np.array([left_of_centre(image) for image in images]) for images in (before, plain)]
    assert all(share.size for share in halves)
    if isinstance(augmentation, Mixup):  # the red third is on the right once it is mirrored
        assert halves[0].mean() < 0.2
        assert halves[1].mean() > 0.8


def left_of_centre(packed: dict[str, Any]) -> float:
    """The part of what is red that lies on the left."""
    red = coloured(pixels_of(packed), 0, share=0.5)
    return float(red[:, : red.shape[1] // 2].sum() / max(1, red.sum()))


def test_mosaic_before_mixup_mixes_two_mosaics(masked: Dataset, tmp_path: Path) -> None:
    greys = grey_images(masked, tmp_path)
    found = np.unique(pixels_of(load(greys, RESIZE, MOSAIC, MIXUP, seed=4, with_masks=False)[0]))
    assert len(found) > 4  # of two mosaics of four greys each more than four means


@pytest.mark.parametrize("probability", [0.0, 0.3])
def test_mixing_happens_as_often_as_asked(masked: Dataset, tmp_path: Path, probability: float) -> None:
    greys = grey_images(masked, tmp_path)
    for augmentation in (mosaic(probability=probability), Mixup(type="mixup", probability=probability, alpha=1)):
        plain = [pixels_of(image) for image in epoch(greys, RESIZE)]
        changed = [
            not np.array_equal(pixels_of(image), before)
            for seed in range(40)
            for image, before in zip(epoch(greys, RESIZE, augmentation, seed=seed), plain, strict=True)
        ]
        most = 1 if isinstance(augmentation, Mosaic) else 5 / 6  # an image mixed with itself stays what it was
        assert np.mean(changed) == pytest.approx(probability * most, abs=0.08)


EVERYTHING: tuple[Augmentation, ...] = (
    Resize(type="resize", min_factor=0.8, max_factor=1.2),
    RandomCrop(type="random_crop", keep_objects=True),
    MOSAIC,
    Rotate90(type="rotate_90"),
    Mixup(type="mixup", probability=0.5, alpha=8),
    ShiftScaleRotate(type="shift_scale_rotate", min_visible=0),
    GaussNoise(type="gauss_noise"),
)


def prepared(dataset: Dataset, workers: int, seed: int = 5) -> list[dict[str, torch.Tensor]]:
    images: DetectionImages = load(dataset, *EVERYTHING, seed=seed)
    loader = DataLoader(images, batch_size=1, num_workers=workers, collate_fn=pseudo_collate)
    return [
        {
            "pixels": batch["inputs"][0],
            "boxes": batch["data_samples"][0].gt_instances.bboxes.tensor,
            "masks": torch.from_numpy(batch["data_samples"][0].gt_instances.masks.masks),
        }
        for batch in loader
    ]


def are_equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[key], other[key]) for key in one)


def repeated(dataset: Dataset, times: int) -> Dataset:
    """The first image of a data set under several names."""
    (image,), annotations = dataset.images[:1], dataset.annotations_by_image()[dataset.images[0].id]
    numbers = range(times)
    for number in numbers:
        shutil.copy(dataset.path_of(image), dataset.folder / f"copy-{number}.png")
    return replace(
        dataset,
        images=tuple(replace(image, id=number, file_name=f"copy-{number}.png") for number in numbers),
        annotations=tuple(
            replace(annotation, id=100 * number + annotation.id, image_id=number)
            for number in numbers
            for annotation in annotations
        ),
    )


@pytest.mark.filterwarnings("ignore:This DataLoader will create 3 worker processes")
def test_any_number_of_workers_prepares_the_same_and_each_image_differently(tmp_path: Path) -> None:
    twelve = repeated(write_scenes(tmp_path, 1, 3, with_masks=True), 12)
    alone = prepared(twelve, workers=0)
    for workers in (1, 3):
        assert all(are_equal(one, other) for one, other in zip(prepared(twelve, workers), alone, strict=True))
    assert not any(are_equal(one, other) for i, one in enumerate(alone) for other in alone[:i])
    assert not any(are_equal(one, other) for one, other in zip(prepared(twelve, 0, seed=6), alone, strict=True))


def test_crowds_stay_crowds_and_images_without_objects_mix(masked: Dataset) -> None:
    first, *others = masked.annotations
    crowded = replace(masked, annotations=(replace(first, iscrowd=True), *(a for a in others if a.image_id == 0)))
    for seed in range(10):
        sample = load(crowded, RESIZE, mosaic(min_visible=1), MIXUP, seed=seed)[0]["data_samples"]
        assert 0 not in sample.gt_instances.labels.tolist()
        assert set(sample.ignored_instances.labels.tolist()) <= {0}
    empty = replace(masked, annotations=())
    for with_masks in (True, False):
        sample = load(empty, RESIZE, MOSAIC, MIXUP, with_masks=with_masks)[0]["data_samples"]
        assert sample.gt_instances.bboxes.tensor.shape == (0, 4)


def test_ignored_regions_remain_however_little_of_them_is_seen(masked: Dataset) -> None:
    crowds = replace(masked, annotations=tuple(replace(a, iscrowd=True) for a in masked.annotations))
    strict = mosaic(min_visible=1)
    for seed in range(6):
        sample = load(crowds, RESIZE, strict, seed=seed)[0]
        pixels = pixels_of(sample)
        ignored = sample["data_samples"].ignored_instances.masks.masks.any(axis=0)
        seen = np.any([coloured(pixels, label) for label in range(3)], axis=0)
        assert np.array_equal(ignored, seen)
