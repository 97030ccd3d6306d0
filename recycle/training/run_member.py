"""All that one member does: train, predict the fold it never saw, predict the test images."""

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from recycle.data.coco import Dataset
from recycle.data.folds import Folds
from recycle.inference.predict import predict
from recycle.predictions.parquet import write_parquet
from recycle.recipe import Model
from recycle.training.member import MemberTask
from recycle.training.progress import Progress
from recycle.training.train import load_member, train_member

PREDICTION_BATCH_SIZE = 8


@dataclass(frozen=True)
class TrainingData:
    """What every member of a run shares; it is sent to each node once.

    Attributes:
        train: All training images.
        test: All test images.
        folds: Which training image is in which fold.
    """

    train: Dataset
    test: Dataset
    folds: Folds

    def fold(self, fold: int) -> tuple[Dataset, Dataset]:
        """The training part and the validation part of a fold."""
        inside = {image.id for image in self.train.images if self.folds.assignment[image.file_name] == fold}
        outside = {image.id for image in self.train.images} - inside
        return self.train.subset(outside), self.train.subset(inside)


@dataclass(frozen=True)
class MemberPlan:
    """One member to be trained and where its files go.

    Attributes:
        name: The member's name.
        settings: Its model.
        fold: The fold it never sees.
        seed: Seed of its draws.
        key: Digest of all that determines its result.
        work_dir: Checkpoints and logs.
        oof: Where its predictions of the fold go.
        test: Where its predictions of the test images go.
    """

    name: str
    settings: Model
    fold: int
    seed: int
    key: str
    work_dir: Path
    oof: Path
    test: Path


@dataclass(frozen=True)
class MemberOutcome:
    """What a finished member tells the driver.

    Attributes:
        checkpoint: Its last checkpoint.
        seconds: Time on the clock.
        host: Where it ran.
    """

    checkpoint: Path
    seconds: float
    host: str


def run_member(plan: MemberPlan, data: TrainingData, report: Callable[[Progress], None]) -> MemberOutcome:
    """Trains a member from its last checkpoint, if there is one, and writes its predictions.

    Raises:
        NonFiniteLossError: If the loss becomes NaN or infinite.
    """
    began = time.monotonic()
    # The number of threads decides the order of sums, and so the last digits: it must not depend on the machine.
    torch.set_num_threads(max(1, int(plan.settings.resources.num_cpus)))
    train, validation = data.fold(plan.fold)
    task = MemberTask(plan.name, plan.settings, train, validation, plan.work_dir, plan.seed)
    train_member(task, report)
    model = load_member(task)
    for images, path in ((validation, plan.oof), (data.test, plan.test)):
        predictions = predict(
            model,
            images,
            image_size=plan.settings.image_size,
            batch_size=PREDICTION_BATCH_SIZE,
            name=plan.settings.name,
        )
        write_parquet(predictions, path)
    return MemberOutcome(task.last_checkpoint, time.monotonic() - began, socket.gethostname())
