"""All that one member does: train, predict the fold it never saw, predict the test images."""

import shutil
import socket
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import torch
from mmengine.dist import barrier, get_world_size, is_main_process
from mmengine.hooks import Hook

from recycle.data.image_cache import open_image_cache
from recycle.errors import RecycleWarning
from recycle.training.leaving import IsLeaving, staying
from recycle.training.member import KEY_FILE, MemberOutcome, MemberPlan, MemberTask, TrainingData
from recycle.training.progress import Progress
from recycle.training.tasks import TRAINING_TASKS
from recycle.training.train import load_member, train_member


def run_member(
    plan: MemberPlan,
    data: TrainingData,
    report: Callable[[Progress], None],
    watching: Sequence[Hook] = (),
    is_leaving: IsLeaving = staying,
) -> MemberOutcome:
    """Trains a member from its last checkpoint, if there is one, and writes its predictions.

    Where several processes of one group call it, they train the member together and the first of them predicts.

    Args:
        plan: The member.
        data: What all members share.
        report: Called about once a second with the member's progress.
        watching: Hooks that watch the training.
        is_leaving: Asked after every step whether to save and stop, as the machine is about to go.

    Raises:
        NonFiniteLossError: If the loss becomes NaN or infinite.
        LeavingError: If it left.
    """
    began = time.monotonic()
    if is_main_process():
        _forget_other_training(plan)
    barrier()
    # The number of threads decides the order of sums, and so the last digits: it must not depend on the machine.
    torch.set_num_threads(max(1, int(plan.settings.resources.num_cpus / get_world_size())))
    train, validation = data.fold(plan.fold)
    with _warnings() as told, open_image_cache(plan.cache_name, plan.cache_gib) as cache:
        task = MemberTask(
            plan.name, plan.settings, train, validation, plan.work_dir, plan.seed, cache, plan.checkpoints
        )
        if plan.pseudo is not None:
            task = replace(task, pseudo=plan.pseudo.images(data.test), parent=plan.pseudo.parent)
        train_member(task, report, watching, is_leaving)
        if is_main_process():
            _predict(plan, task, data)
    return MemberOutcome(task.last_checkpoint, time.monotonic() - began, socket.gethostname(), tuple(told))


def _predict(plan: MemberPlan, task: MemberTask, data: TrainingData) -> None:
    model = load_member(task)
    for images, path in ((task.validation, plan.oof), (data.test, plan.test)):
        if path is not None:
            TRAINING_TASKS[plan.settings.task].write_predictions(model, images, task, path)


@contextmanager
def _warnings() -> Iterator[list[str]]:
    """Gathers what the user should know, once each; the list is complete when the block has ended."""
    told: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RecycleWarning)
        yield told
    messages = (str(warning.message) for warning in caught if issubclass(warning.category, RecycleWarning))
    told += dict.fromkeys(messages)


def _forget_other_training(plan: MemberPlan) -> None:
    """Drops checkpoints that were made of other data, weights or library versions than this plan's."""
    key = plan.work_dir / KEY_FILE
    if key.is_file() and key.read_text() == plan.key:
        return
    shutil.rmtree(plan.work_dir, ignore_errors=True)
    plan.work_dir.mkdir(parents=True, exist_ok=True)
    key.write_text(plan.key)
