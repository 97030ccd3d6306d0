"""Multi-scale training: the images of each batch are scaled to a size drawn for it."""

from typing import Any

import numpy as np
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import BaseBoxes
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmengine.structures import InstanceData, PixelData
from torch import Tensor
from torchvision.transforms.v2 import InterpolationMode, functional

from recycle.training.phase import PhaseTask


class MultiScaleHook(Hook):
    """Scales each batch as a whole, which keeps every augmentation before it as it is at the nominal size.

    The size depends on seed, epoch and batch alone, not on worker processes or interruptions.
    """

    def __init__(self, phase: PhaseTask) -> None:
        assert phase.settings.multi_scale is not None
        self._sides = phase.settings.multi_scale.sides(phase.settings.image_size)
        self._image_size = phase.settings.image_size
        self._seed = phase.member.seed
        self._epochs_before = phase.epochs_before

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:  # noqa: ANN401
        """Replaces the batch's images, boxes and masks."""
        side = draw_side(self._sides, self._seed, self._epochs_before + runner.epoch, batch_idx)
        scale_batch(data_batch, side / self._image_size)


def draw_side(sides: tuple[int, ...], seed: int, epoch: int, batch: int) -> int:
    """Draws a side for a batch."""
    return int(np.random.default_rng((seed, epoch, batch)).choice(sides))


def scale_batch(batch: dict[str, Any], factor: float) -> None:
    """Scales all images of a batch and what is known of them.

    Args:
        batch: `inputs`, images (3, H, W) of any sizes, and their `data_samples`; changed in place.
        factor: New size by old.
    """
    if factor == 1:
        return
    for position, (image, sample) in enumerate(zip(batch["inputs"], batch["data_samples"], strict=True)):
        scaled = _scale_image(image, factor)
        batch["inputs"][position] = scaled
        _scale_sample(sample, tuple(image.shape[-2:]), tuple(scaled.shape[-2:]))


def _scale_image(image: Tensor, factor: float) -> Tensor:
    height, width = (max(1, round(side * factor)) for side in image.shape[-2:])
    scaled: Tensor = functional.resize(image, [height, width], antialias=True)
    return scaled


def _scale_sample(sample: DetDataSample, old: tuple[int, ...], new: tuple[int, ...]) -> None:
    vertical, horizontal = new[0] / old[0], new[1] / old[1]
    width_factor, height_factor = sample.metainfo.get("scale_factor", (1.0, 1.0))
    scale_factor = (width_factor * horizontal, height_factor * vertical)
    sample.set_metainfo({"img_shape": new, "scale_factor": scale_factor})
    if "gt_sem_seg" in sample:
        labels = sample.gt_sem_seg.sem_seg
        sample.gt_sem_seg = PixelData(sem_seg=functional.resize(labels, list(new), InterpolationMode.NEAREST_EXACT))
    for instances in (sample.get("gt_instances"), sample.get("ignored_instances")):
        if instances is not None and "bboxes" in instances:
            _scale_instances(instances, (horizontal, vertical), new)


def _scale_instances(instances: InstanceData, factors: tuple[float, float], shape: tuple[int, ...]) -> None:
    if isinstance(instances.bboxes, BaseBoxes):
        instances.bboxes.rescale_(factors)
    else:
        instances.bboxes = instances.bboxes * instances.bboxes.new_tensor(factors).repeat(2)
    if "masks" in instances:
        instances.masks = instances.masks.resize(shape)
