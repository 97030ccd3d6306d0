"""The one training entry of every family, around mmengine's Runner."""

import time
from typing import Any

import torch
from mmengine.evaluator import Evaluator
from mmengine.model import BaseModel
from mmengine.runner import Runner

from recycle.data.loading import DetectionImages, seed_everything
from recycle.data.transforms import inference_pipeline, training_pipeline
from recycle.errors import DataError
from recycle.models.checkpoints import load_checkpoint
from recycle.models.families import build_model
from recycle.training.hooks import FiniteLossHook, ProgressHook, SaveHook, SeedHook
from recycle.training.member import MemberTask
from recycle.training.optimizers import learning_rate_schedule, optimizer_wrapper
from recycle.training.progress import Report
from recycle.training.validation import DetectionScore

VALIDATION_BATCH_SIZE = 8
LOG_INTERVAL = 10


def train_member(task: MemberTask, report: Report) -> None:
    """Trains a member, from its last checkpoint where there is one.

    Args:
        task: The member and its data.
        report: Called about once a second with the member's progress.

    Raises:
        NonFiniteLossError: If the loss becomes NaN or infinite.
        DataError: If the fold's training part is empty.
    """
    if not task.train.images:
        raise DataError(f"{task.name}: the training part of its fold holds no image")
    task.work_dir.mkdir(parents=True, exist_ok=True)
    seed_everything((task.seed,))
    _runner(task, report).train()


def load_member(task: MemberTask) -> BaseModel:
    """The network of a member after its last epoch, on the GPU if there is one."""
    model = build_model(task.settings, len(task.train.categories))
    model.load_state_dict(load_checkpoint(task.last_checkpoint)["state_dict"])
    return model.to(_device())


def _runner(task: MemberTask, report: Report) -> Runner:
    settings = task.settings
    steps_an_epoch = -(-len(task.train.images) // settings.batch_size)
    is_resumed = task.last_checkpoint.is_file()
    return Runner(
        model=build_model(settings, len(task.train.categories)),
        work_dir=str(task.work_dir),
        train_dataloader=_training_loader(task),
        train_cfg={"by_epoch": True, "max_epochs": settings.epochs, "val_interval": settings.validate_every},
        optim_wrapper=optimizer_wrapper(settings.optimizer, has_gpu=torch.cuda.is_available()),
        param_scheduler=learning_rate_schedule(settings.optimizer, steps_an_epoch * settings.epochs),
        **_validation(task),
        default_hooks={"checkpoint": None, "logger": {"type": "LoggerHook", "interval": LOG_INTERVAL}},
        custom_hooks=[SeedHook(task.seed), FiniteLossHook(task), SaveHook(task), ProgressHook(task, report)],
        load_from=str(task.last_checkpoint) if is_resumed else None,
        resume=is_resumed,
        randomness={"seed": task.seed},
        log_level="WARNING",
        default_scope="mmdet",
        experiment_name=f"{task.name}-{time.time_ns()}",
    )


def _training_loader(task: MemberTask) -> dict[str, Any]:
    settings = task.settings
    workers = max(0, int(settings.resources.num_cpus) - 1)
    return {
        "dataset": DetectionImages(
            task.train, training_pipeline(settings.image_size, settings.augmentations), task.seed
        ),
        "batch_size": settings.batch_size,
        "sampler": {"type": "DefaultSampler", "shuffle": True, "seed": task.seed},
        "num_workers": workers,
        "persistent_workers": workers > 0,
    }


def _validation(task: MemberTask) -> dict[str, Any]:
    images = DetectionImages(task.validation, inference_pipeline(task.settings.image_size), task.seed)
    return {
        "val_dataloader": {
            "dataset": images,
            "batch_size": VALIDATION_BATCH_SIZE,
            "sampler": {"type": "DefaultSampler", "shuffle": False},
        },
        "val_cfg": {},
        "val_evaluator": Evaluator([DetectionScore(task.validation)]),
    }


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
