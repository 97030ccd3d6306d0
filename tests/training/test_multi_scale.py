"""Sizes drawn for batches, and pixels, boxes and masks that stay together."""

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import HorizontalBoxes
from mmengine.structures import InstanceData

from recycle.recipe import MultiScale
from recycle.training.multi_scale import draw_side, scale_batch

BOX = (16, 8, 48, 24)


def batch_of(width: int = 64, height: int = 32) -> dict[str, list[object]]:
    """A dark image with one bright box, its mask, and a box to be ignored."""
    from mmdet.structures.mask import BitmapMasks  # not before recycle has supplied mmcv's operators

    left, top, right, bottom = BOX
    image = torch.zeros(3, height, width, dtype=torch.uint8)
    image[:, top:bottom, left:right] = 200
    mask = np.zeros((1, height, width), np.uint8)
    mask[0, top:bottom, left:right] = 1
    sample = DetDataSample(
        metainfo={"img_shape": (height, width), "ori_shape": (2 * height, 2 * width), "scale_factor": (0.5, 0.5)}
    )
    boxes = torch.tensor([BOX], dtype=torch.float32)
    sample.gt_instances = InstanceData(
        bboxes=HorizontalBoxes(boxes), labels=torch.tensor([0]), masks=BitmapMasks(mask, height, width)
    )
    sample.ignored_instances = InstanceData(bboxes=boxes.clone(), labels=torch.tensor([0]))
    return {"inputs": [image], "data_samples": [sample]}


@pytest.mark.parametrize("factor", [0.5, 0.75, 1.0, 1.5])
def test_pixels_boxes_and_masks_are_scaled_alike(factor: float) -> None:
    batch = batch_of()
    scale_batch(batch, factor)
    (image,), (sample,) = batch["inputs"], batch["data_samples"]
    assert isinstance(image, torch.Tensor)
    assert isinstance(sample, DetDataSample)
    assert image.dtype == torch.uint8
    assert tuple(image.shape) == (3, 32 * factor, 64 * factor)
    left, top, right, bottom = expected = [round(side * factor) for side in BOX]
    assert image[:, top + 2 : bottom - 2, left + 2 : right - 2].min() > 190
    assert image.float().mean() == pytest.approx(200 * 32 * 16 / (64 * 32), rel=0.03)
    assert sample.gt_instances.bboxes.tensor.tolist() == [expected]
    assert sample.ignored_instances.bboxes.tolist() == [expected]
    ys, xs = np.nonzero(sample.gt_instances.masks.masks[0])
    assert [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1] == pytest.approx(expected, abs=1)
    assert sample.img_shape == (32 * factor, 64 * factor)
    assert sample.ori_shape == (64, 128)
    assert sample.scale_factor == pytest.approx((0.5 * factor, 0.5 * factor))


@given(st.integers(32, 2000), st.floats(0.3, 1), st.floats(1, 2))
def test_sides_are_multiples_of_32_in_the_range(image_size: int, smallest: float, largest: float) -> None:
    sides = MultiScale(min=smallest, max=largest).sides(image_size)
    assert all(side % 32 == 0 and side > 0 for side in sides)
    assert all(image_size * smallest - 1 <= side <= image_size * largest for side in sides)
    below, above = (sides[0] - 32, sides[-1] + 32) if sides else (0, 32 * (int(image_size * largest) // 32 + 1))
    assert below < image_size * smallest
    assert above > image_size * largest - 1


def test_sides_of_the_reference() -> None:
    assert MultiScale().sides(512) == tuple(range(256, 769, 32))


def test_draws_differ_between_batches_epochs_and_seeds_and_repeat_themselves() -> None:
    sides = MultiScale().sides(512)
    drawn = {key: draw_side(sides, *key) for key in np.ndindex(3, 4, 50)}
    assert drawn == {key: draw_side(sides, *key) for key in drawn}
    counts = Counter(drawn.values())
    assert set(counts) == set(sides)
    assert max(counts.values()) < 3 * min(counts.values())
    assert len({drawn[seed, 0, 0] for seed in range(3)} | {drawn[seed, 1, 3] for seed in range(3)}) > 1
    assert len({drawn[0, epoch, 0] for epoch in range(4)}) > 1
    assert len({drawn[0, 0, batch] for batch in range(50)}) > 5
