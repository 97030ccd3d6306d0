"""All that one member does: train, predict the fold it never saw, predict the test images."""

import shutil
import socket
import time
from collections.abc import Callable

import torch

from recycle.inference.predict import predict
from recycle.predictions.parquet import write_parquet
from recycle.training.member import MemberOutcome, MemberPlan, MemberTask, TrainingData
from recycle.training.progress import Progress
from recycle.training.train import load_member, train_member

PREDICTION_BATCH_SIZE = 8


def run_member(plan: MemberPlan, data: TrainingData, report: Callable[[Progress], None]) -> MemberOutcome:
    """Trains a member from its last checkpoint, if there is one, and writes its predictions.

    Raises:
        NonFiniteLossError: If the loss becomes NaN or infinite.
    """
    began = time.monotonic()
    _forget_other_training(plan)
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


def _forget_other_training(plan: MemberPlan) -> None:
    """Drops checkpoints that were made of other data, weights or library versions than this plan's."""
    key = plan.work_dir / "key"
    if key.is_file() and key.read_text() == plan.key:
        return
    shutil.rmtree(plan.work_dir, ignore_errors=True)
    plan.work_dir.mkdir(parents=True, exist_ok=True)
    key.write_text(plan.key)
