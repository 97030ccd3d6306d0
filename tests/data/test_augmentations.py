"""Every augmentation of a recipe as the pipeline really applies it."""

from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

import recycle.models  # noqa: F401 - mmdet may not be imported before it
from recycle.data.augmentations import needs_masks
from recycle.data.coco import Dataset
from recycle.recipe import Augmentation
from tests.data.coloured_scenes import SIZE, extents, load, pixels_of
from tests.recipes import required_of

MEMBERS = get_args(get_args(Augmentation)[0])
NAMES = sorted(get_args(member.model_fields["type"].annotation)[0] for member in MEMBERS)
LIST = TypeAdapter(tuple[Augmentation, ...])


def parsed(*names: str, **more: Any) -> tuple[Augmentation, ...]:
    return LIST.validate_python([{"type": name, **required_of(name), **more} for name in names])


def assert_sound(packed: dict[str, Any], *, with_masks: bool) -> None:
    """Fails unless pixels, boxes, labels and masks are of the kind and shape that networks take."""
    pixels, sample = pixels_of(packed), packed["data_samples"]
    height, width = pixels.shape[:2]
    instances = sample.gt_instances
    boxes = instances.bboxes.tensor.numpy()
    assert sample.img_shape == (height, width)
    assert boxes.dtype == np.float32
    assert instances.labels.numpy().dtype == np.int64
    assert len(boxes) == len(instances.labels)
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 2:] <= [width, height]).all()
    assert (boxes[:, 2:] > boxes[:, :2]).all()
    assert ("masks" in instances) == with_masks
    if with_masks:
        assert instances.masks.masks.shape == (len(boxes), height, width)
        assert set(np.unique(instances.masks.masks)) <= {0, 1}


@pytest.mark.parametrize("with_masks", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_each_leaves_what_networks_take(masked: Dataset, name: str, with_masks: bool) -> None:
    always = {} if name in ("resize", "colour") else {"probability": 1}
    before = () if name == "resize" else parsed("resize")
    images = load(masked, *before, *parsed(name, **always), with_masks=with_masks)
    for index in range(3):
        assert_sound(images[index], with_masks=with_masks)


@settings(max_examples=40, deadline=None)
@given(
    before=st.lists(st.sampled_from([name for name in NAMES if name not in ("resize", "mosaic", "mixup")]), max_size=2),
    after=st.lists(st.sampled_from([name for name in NAMES if name != "resize"]), max_size=5, unique=True),
    seed=st.integers(0, 1000),
)
def test_they_go_together_in_any_order(masked: Dataset, before: list[str], after: list[str], seed: int) -> None:
    chosen = (*parsed(*before), *parsed("resize", min_factor=0.7, max_factor=1.3), *parsed(*after))
    for with_masks in (True, False):
        images = load(masked, *chosen, with_masks=with_masks, seed=seed)
        packed = images[seed % 6]
        assert_sound(packed, with_masks=with_masks)
        assert np.array_equal(pixels_of(images[seed % 6]), pixels_of(packed))


CUTTING = ("mosaic", "random_crop", "shift_scale_rotate", "optical_distortion")


@pytest.mark.parametrize("name", CUTTING)
def test_boxes_are_the_extents_of_their_masks(masked: Dataset, name: str) -> None:
    images = load(masked, *parsed("resize"), *parsed(name, probability=1))
    for index in range(6):
        instances = images[index]["data_samples"].gt_instances
        assert instances.bboxes.tensor.tolist() == extents(instances.masks.masks)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("resize", "colour")])
def test_what_has_no_probability_is_never_applied(masked: Dataset, name: str) -> None:
    plain, never = load(masked, *parsed("resize")), load(masked, *parsed("resize"), *parsed(name, probability=0))
    for index in range(3):
        assert np.array_equal(pixels_of(plain[index]), pixels_of(never[index]))


def test_boxes_are_as_narrow_without_a_network_that_needs_masks(masked: Dataset) -> None:
    """A turned mask has a narrower extent than its turned box."""
    chosen = (*parsed("resize"), *parsed("shift_scale_rotate", probability=1, rotate=90))
    with_masks, without = (load(masked, *chosen, with_masks=wanted, seed=3) for wanted in (True, False))
    for index in range(6):
        one, other = (images[index]["data_samples"].gt_instances for images in (with_masks, without))
        assert one.bboxes.tensor.tolist() == other.bboxes.tensor.tolist()


def test_masks_are_loaded_only_for_what_bends_images() -> None:
    wanting = [name for name in NAMES if needs_masks(parsed(name))]
    assert wanting == ["crop_non_empty_mask", "optical_distortion", "shift_scale_rotate"]
    assert needs_masks(parsed("one_of", choices=[{"type": "blur"}, {"type": "optical_distortion"}]))


def test_photographs_larger_than_the_network_sees_are_cut_before_they_are_shrunk(masked: Dataset) -> None:
    """Half of an image of 96 px, scaled to 48 px, still has its own 48 px: nothing was shrunk and enlarged again."""
    half = {"probability": 1, "min_size": 0.5, "max_size": 0.5, "min_visible": 0}
    cut = load(masked, *parsed("random_crop", **half), *parsed("resize"), size=SIZE // 2)
    pixels = pixels_of(cut[0])
    assert pixels.shape == (SIZE // 2, SIZE // 2, 3)
    assert set(np.unique(pixels)) <= {20, 250}
