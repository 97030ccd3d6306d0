"""Measures a few steps of a model's training, as they are in a run: the same loop, loading and hooks."""

import platform
import resource
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from recycle.data.coco import Dataset, read_coco
from recycle.data.synthetic import write_synthetic
from recycle.models.prerequisites import without_absent_weights
from recycle.recipe import Model
from recycle.training.member import MemberTask
from recycle.training.probes import Probe
from recycle.training.progress import Progress
from recycle.training.train import train_member

WARM_UP_STEPS = 3
MEASURED_STEPS = 8
SMALLEST_PHOTOGRAPH = 64
LARGEST_PHOTOGRAPH = 1024
"""Of those that are drawn, in pixels."""

PROCESSORS = Path("/proc/cpuinfo")


def probe_model(settings: Model, train: Dataset | None) -> Probe:
    """Trains a model for a few steps and forgets it.

    It begins from random weights where its pretrained ones would have to be found: with those, the first layers of most
    backbones are not trained, which is a little faster.

    Args:
        settings: A model without phases, with the resources of the calling process.
        train: Images with boxes; if None, photographs of `image_size` are drawn, of at most 1024 px.
    """
    torch.set_num_threads(max(1, int(settings.resources.num_cpus)))
    watch = _StepWatch()
    with TemporaryDirectory() as folder:
        whole = train or _drawn(settings, Path(folder) / "sample")
        images = whole.subset(image.id for image in whole.images[: _images_for(settings)])
        steps_an_epoch = -(-len(images.images) // settings.batch_size)
        epochs = -(-(WARM_UP_STEPS + MEASURED_STEPS) // steps_an_epoch)
        brief = without_absent_weights(settings).model_copy(update={"epochs": epochs})
        train_member(MemberTask("probe", brief, images, images.subset(()), Path(folder), seed=0), _ignore, [watch])
    return Probe(_device(), statistics.mean(watch.seconds[WARM_UP_STEPS:]), _peak_memory_gib())


class _StepWatch(Hook):
    """Takes the time of each step, from the end of the one before or from the beginning of its epoch."""

    priority = "LOWEST"

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def before_train_epoch(self, runner: Runner) -> None:
        self._began = time.perf_counter()

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,  # noqa: ANN401
        outputs: dict[str, Any] | None = None,
    ) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        now = time.perf_counter()
        self.seconds.append(now - self._began)
        self._began = now


def _drawn(settings: Model, folder: Path) -> Dataset:
    side = min(max(settings.image_size, SMALLEST_PHOTOGRAPH), LARGEST_PHOTOGRAPH)
    return read_coco(write_synthetic(folder, _images_for(settings), side, seed=0), folder)


def _images_for(settings: Model) -> int:
    return (WARM_UP_STEPS + MEASURED_STEPS) * settings.batch_size


def _ignore(progress: Progress) -> None:
    """Nobody waits for the loss of a probe."""


def _device() -> str:
    if torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    lines = PROCESSORS.read_text().splitlines() if PROCESSORS.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _peak_memory_gib() -> float:
    if torch.cuda.is_available():
        return torch.cuda.max_memory_reserved() / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # Linux counts in KiB
