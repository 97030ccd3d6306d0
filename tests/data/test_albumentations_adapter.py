"""Albumentations' transforms on images on which every object is where its colour is."""

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import TypeAdapter

import recycle.models  # noqa: F401 - mmdet may not be imported before it
from recycle.data.albumentations_adapter import PIXELWISE, ChangePixels, pack_masks, unpack_masks
from recycle.data.coco import Dataset
from recycle.recipe import Augmentation, HueSaturationValue, OpticalDistortion, Resize, RGBShift, ShiftScaleRotate
from tests.data.coloured_scenes import (
    SIZE,
    assert_objects_lie_where_their_colours_are,
    coloured,
    grown,
    load,
    pixels_of,
)

RESIZE = Resize(type="resize")
FEW = settings(max_examples=25, deadline=None)
SEEDS = st.integers(0, 1000)


def parsed(name: str, **more: Any) -> Any:
    """An augmentation of this type that is always applied."""
    return TypeAdapter(Augmentation).validate_python({"type": name, "probability": 1, **more})


@FEW
@given(seed=SEEDS, shift=st.floats(0, 0.5), scale=st.floats(0, 0.4), rotate=st.floats(0, 180))
def test_shifts_scalings_and_turns(
    masked: Dataset, boxed: Dataset, seed: int, shift: float, scale: float, rotate: float
) -> None:
    chosen = parsed("shift_scale_rotate", shift=shift, scale=scale, rotate=rotate, min_visible=0)
    for dataset in (masked, boxed):
        for with_masks in (True, False):
            packed = load(dataset, RESIZE, chosen, seed=seed, with_masks=with_masks)[seed % 6]
            assert_objects_lie_where_their_colours_are(packed, rim=2)
            assert ("masks" in packed["data_samples"].gt_instances) == with_masks


@FEW
@given(seed=SEEDS, distortion=st.floats(0, 0.5))
def test_optical_distortion(masked: Dataset, boxed: Dataset, seed: int, distortion: float) -> None:
    chosen = parsed("optical_distortion", distortion=distortion, min_visible=0)
    for dataset in (masked, boxed):
        packed = load(dataset, RESIZE, chosen, seed=seed)[seed % 6]
        assert_objects_lie_where_their_colours_are(packed, rim=2)


def test_what_no_image_covers_is_grey(masked: Dataset) -> None:
    turned = parsed("shift_scale_rotate", rotate=45, shift=0.3)
    bent = parsed("optical_distortion", distortion=0.5)
    for chosen in (turned, bent):
        images = [pixels_of(load(masked, RESIZE, chosen, seed=seed)[0]) for seed in range(12)]
        assert any((image[0, 0] == 114).all() for image in images)
        assert not any((image[0, 0] == 0).any() for image in images)


def test_objects_of_which_too_little_is_seen_are_dropped_whatever_the_scale(masked: Dataset) -> None:
    """Half of the size leaves a quarter of the pixels, and still the whole object; only what is shifted out counts."""
    dropped = kept = 0
    for seed in range(40):
        shrunk = parsed("shift_scale_rotate", shift=0.6, scale=0.5, rotate=0, min_visible=0.6)
        packed = load(masked, RESIZE, shrunk, seed=seed)[0]
        sample, pixels = packed["data_samples"], pixels_of(packed)
        labels = sample.gt_instances.labels.tolist()
        inner = np.pad(np.zeros((SIZE - 2, SIZE - 2), np.bool_), 1, constant_values=True)
        for label in range(3):
            colour = coloured(pixels, label)
            if colour.any() and not (colour & inner).any():  # it does not touch the border
                assert label in labels
                kept += 1
            dropped += bool(colour.any() and label not in labels)
    assert kept > 20
    assert dropped > 5


@pytest.mark.parametrize("name", PIXELWISE)
def test_changes_of_pixels_leave_objects_where_they_are(masked: Dataset, name: str) -> None:
    plain = load(masked, RESIZE)
    changed = [load(masked, RESIZE, parsed(name), seed=seed) for seed in range(4)]
    for index in range(3):
        before = plain[index]
        for images in changed:
            after = images[index]
            assert pixels_of(after).shape == pixels_of(before).shape
            assert pixels_of(after).dtype == np.uint8
            one, other = (packed["data_samples"].gt_instances for packed in (before, after))
            assert one.bboxes.tensor.tolist() == other.bboxes.tensor.tolist()
            assert np.array_equal(one.masks.masks, other.masks.masks)
            for label, mask in zip(one.labels.tolist(), one.masks.masks, strict=True):
                inner = grown(mask.astype(np.bool_), -4)  # a blur reaches three pixels
                assert coloured(pixels_of(after), label, share=0.6)[inner].sum() >= 0.9 * inner.sum()
    assert any(
        not np.array_equal(pixels_of(images[index]), pixels_of(plain[index]))
        for images in changed
        for index in range(3)
    )


def bgr(red: int, green: int, blue: int, side: int = 16) -> npt.NDArray[np.uint8]:
    return np.full((side, side, 3), (blue, green, red), np.uint8)


def applied(chosen: Any, image: npt.NDArray[np.uint8], seed: int = 0) -> npt.NDArray[np.uint8]:
    np.random.seed(seed)
    changed: npt.NDArray[np.uint8] = ChangePixels(chosen)({"img": image})["img"]
    return changed


def test_channels_are_red_green_and_blue() -> None:
    shift = RGBShift(type="rgb_shift", red=100, green=0, blue=0)
    changed = [applied(shift, bgr(120, 120, 120), seed)[0, 0].tolist() for seed in range(5)]
    assert all(pixel[:2] == [120, 120] for pixel in changed)
    assert len({pixel[2] for pixel in changed}) > 3
    hue = HueSaturationValue(type="hue_saturation_value", hue=10, saturation=0, value=0)
    pixels = [applied(hue, bgr(250, 30, 30), seed)[0, 0].tolist() for seed in range(5)]
    assert all(pixel[2] > 200 and max(pixel[:2]) < 130 for pixel in pixels)  # red turns towards orange or pink


@pytest.mark.parametrize(("name", "alike"), [("additive_noise", True), ("gauss_noise", False)])
def test_noise_has_the_deviation_asked_for(name: str, alike: bool) -> None:
    noisy = applied(parsed(name, min_std=0.05, max_std=0.05), bgr(128, 128, 128, side=128)).astype(float)
    assert noisy.std(axis=(0, 1)) == pytest.approx([0.05 * 255] * 3, rel=0.05)
    assert noisy.mean() == pytest.approx(128, abs=0.5)
    assert (np.abs(noisy[:, :, 0] - noisy[:, :, 1]).max() == 0) == alike


@pytest.mark.parametrize("name", PIXELWISE)
def test_the_same_draws_give_the_same_image(name: str) -> None:
    picture = np.random.default_rng(0).normal(128, 20, (128, 160, 3)).clip(0, 255).astype(np.uint8)
    images = [applied(parsed(name), picture, seed) for seed in (1, 1, 2, 3, 4)]
    assert np.array_equal(images[0], images[1])
    assert any(not np.array_equal(images[0], other) for other in images[2:])


@pytest.mark.parametrize("name", [*PIXELWISE, "shift_scale_rotate", "optical_distortion"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 2)])
def test_no_image_is_too_small_and_nothing_warns(name: str, shape: tuple[int, int]) -> None:
    from mmdet.structures.bbox import HorizontalBoxes
    from mmdet.structures.mask import BitmapMasks

    from recycle.data.albumentations_adapter import Bend

    chosen = parsed(name)
    results = {
        "img": np.full((*shape, 3), 77, np.uint8),
        "gt_bboxes": HorizontalBoxes(np.zeros((0, 4), np.float32)),
        "gt_bboxes_labels": np.zeros(0, np.int64),
        "gt_ignore_flags": np.zeros(0, np.bool_),
        "gt_masks": BitmapMasks(np.zeros((0, *shape), np.uint8), *shape),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bends = isinstance(chosen, ShiftScaleRotate | OpticalDistortion)
        changed = (Bend(chosen) if bends else ChangePixels(chosen))(results)
    assert changed["img"].shape == (*shape, 3)


@given(
    masks=arrays(
        np.uint8, st.tuples(st.integers(1, 20), st.integers(1, 5), st.integers(1, 5)), elements=st.integers(0, 1)
    )
)
def test_packed_masks_come_back(masks: npt.NDArray[np.uint8]) -> None:
    planes = pack_masks(masks)
    assert len(planes) == -(-len(masks) // 8)
    assert np.array_equal(unpack_masks(planes, len(masks)), masks)
