"""What a task supplies to the one training loop: images as a network gets them, a score, and files of predictions."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel

from recycle.data.augmentations import Transform
from recycle.data.coco import Dataset
from recycle.data.image_cache import ImageCache
from recycle.data.label_map_transforms import label_map_pipeline
from recycle.data.pseudo_images import PseudoImages
from recycle.data.transforms import training_pipeline
from recycle.inference.pixels import write_pixels
from recycle.inference.predict import predict
from recycle.predictions.parquet import write_parquet
from recycle.recipe import SMP, MaskRCNNSwin, Task
from recycle.training.member import MemberTask
from recycle.training.validation import DetectionScore, SegmentationScore


class TrainingTask(Protocol):
    """What differs between tasks while a member trains."""

    def pipeline(self, settings: Any, cache: ImageCache, pseudo: PseudoImages | None) -> list[Transform]:  # noqa: ANN401 - a model of the task
        """The transforms of a training image, for a model as it is in one phase; `pseudo` are images it sees too."""

    def score(self, member: MemberTask) -> BaseMetric:
        """What scores the fold that the member never sees; one of its scores is the task's main score."""

    def write_predictions(self, network: BaseModel, images: Dataset, member: MemberTask, path: Path) -> None:
        """Predicts images with a member's network and writes the task's file of predictions."""


class _Detection:
    def pipeline(self, settings: Any, cache: ImageCache, pseudo: PseudoImages | None) -> list[Transform]:  # noqa: ANN401
        with_masks = isinstance(settings, MaskRCNNSwin)
        share = pseudo.share if pseudo and pseudo.mixing == "mixup" else 0.0
        return training_pipeline(
            settings.image_size, settings.augmentations, cache, with_masks=with_masks, pseudo_share=share
        )

    def score(self, member: MemberTask) -> BaseMetric:
        return DetectionScore(member.validation)

    def write_predictions(self, network: BaseModel, images: Dataset, member: MemberTask, path: Path) -> None:
        write_parquet(predict(network, images, member.settings, member.cache), path)


class _Segmentation:
    def pipeline(self, settings: Any, cache: ImageCache, pseudo: PseudoImages | None) -> list[Transform]:  # noqa: ANN401
        return label_map_pipeline(settings.image_size, settings.augmentations, cache)

    def score(self, member: MemberTask) -> BaseMetric:
        return SegmentationScore(member.validation, _smp(member).label_map_size)

    def write_predictions(self, network: BaseModel, images: Dataset, member: MemberTask, path: Path) -> None:
        write_pixels(network, images, _smp(member), member.cache, path)


def _smp(member: MemberTask) -> SMP:
    assert isinstance(member.settings, SMP)
    return member.settings


TRAINING_TASKS: Mapping[Task, TrainingTask] = {"detection": _Detection(), "segmentation": _Segmentation()}
