"""The one training entry of every family, around mmengine's Runner."""

import time
from collections.abc import Sequence
from typing import Any

from mmengine.dist import get_world_size
from mmengine.evaluator import Evaluator
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner

from recycle.data.loading import DetectionImages, seed_everything
from recycle.data.transforms import inference_pipeline
from recycle.data.workers import loader_options
from recycle.errors import DataError
from recycle.inference.networks import load_network
from recycle.models.checkpoints import load_checkpoint
from recycle.models.families import build_model
from recycle.recipe import Model
from recycle.training.averaging import averaging_hooks
from recycle.training.class_weights import class_weights
from recycle.training.hooks import FiniteLossHook, ProgressHook, SaveHook, SeedHook
from recycle.training.leaving import IsLeaving, LeaveHook, staying
from recycle.training.member import MemberTask
from recycle.training.multi_scale import MultiScaleHook
from recycle.training.optimizers import build_optimizer
from recycle.training.parallel import shared_by_processes
from recycle.training.phase import PhaseTask, remaining_phases
from recycle.training.progress import Report
from recycle.training.schedules import learning_rate_schedule
from recycle.training.stepping import Stepping, resolve_precision
from recycle.training.tasks import TRAINING_TASKS

VALIDATION_BATCH_SIZE = 8
LOG_INTERVAL = 10


def train_member(
    task: MemberTask, report: Report, watching: Sequence[Hook] = (), is_leaving: IsLeaving = staying
) -> None:
    """Trains a member, from its last checkpoint where there is one.

    Args:
        task: The member and its data.
        report: Called about once a second with the member's progress.
        watching: Hooks that watch the training.
        is_leaving: Asked after every step whether to save and stop, as the machine is about to go.

    Raises:
        LeavingError: If it left.
        NonFiniteLossError: If the loss becomes NaN or infinite.
        DataError: If the fold's training part is empty.
    """
    if not task.train.images:
        raise DataError(f"{task.name}: the training part of its fold holds no image")
    task.work_dir.mkdir(parents=True, exist_ok=True)
    for phase in remaining_phases(task):
        seed_everything((task.seed,))
        _runner(phase, [*_hooks(phase, report), *watching, LeaveHook(phase, is_leaving)]).train()


def load_member(task: MemberTask) -> BaseModel:
    """The network of a member after its last epoch, on the GPU if there is one."""
    return load_network(task.settings, len(task.train.categories), task.last_checkpoint)


def training_images(phase: PhaseTask) -> DetectionImages:
    """The images that a phase trains on, as the network gets them; its first epoch is number `epochs_before`."""
    task, settings = phase.member, phase.settings
    pipeline = TRAINING_TASKS[settings.task].pipeline(settings, task.cache, phase.pseudo)
    return DetectionImages(task.train, pipeline, task.seed, phase.pseudo)


def _runner(phase: PhaseTask, hooks: Sequence[Hook]) -> Runner:
    task, settings = phase.member, phase.settings
    model = _model(phase)
    return Runner(
        model=shared_by_processes(model),
        work_dir=str(task.work_dir),
        train_dataloader=_training_loader(phase),
        train_cfg={
            "type": "ResumableEpochLoop",
            "max_epochs": settings.epochs,
            "val_interval": settings.validate_every,
        },
        optim_wrapper=_stepping(phase, model),
        param_scheduler=learning_rate_schedule(settings.optimizer, phase.steps_an_epoch * settings.epochs),
        **_validation(task),
        default_hooks={"checkpoint": None, "logger": {"type": "LoggerHook", "interval": LOG_INTERVAL}},
        custom_hooks=hooks,
        load_from=str(task.last_checkpoint) if phase.is_begun else None,
        resume=phase.is_begun,
        randomness={"seed": task.seed},
        log_level="WARNING",
        default_scope="mmdet",
        experiment_name=f"{task.name}-{time.time_ns()}",
    )


def _model(phase: PhaseTask) -> BaseModel:
    """The network, with the weights of the phase or of the round before where there was one."""
    member = phase.member
    weights = class_weights(phase.settings.losses, member.train)
    model = build_model(phase.settings, len(member.train.categories), weights)
    before = member.last_checkpoint if phase.position > 0 else member.parent
    if before is not None and not phase.is_begun:
        model.load_state_dict(load_checkpoint(before)["state_dict"])
    return model


def _stepping(phase: PhaseTask, model: BaseModel) -> Stepping:
    settings = phase.settings
    return Stepping(
        build_optimizer(settings.optimizer, model),
        precision=resolve_precision(settings.precision),
        accumulate=settings.accumulate,
        batches_an_epoch=phase.steps_an_epoch,
        clip_grad_norm=settings.optimizer.clip_grad_norm,
    )


def _hooks(phase: PhaseTask, report: Report) -> list[Hook]:
    return [
        SeedHook(phase),
        *([MultiScaleHook(phase)] if phase.settings.multi_scale else []),
        FiniteLossHook(phase),
        *averaging_hooks(phase),
        SaveHook(phase),
        ProgressHook(phase, report),
    ]


def _training_loader(phase: PhaseTask) -> dict[str, Any]:
    task, settings = phase.member, phase.settings
    return {
        "dataset": training_images(phase),
        "batch_size": settings.batch_size // get_world_size(),
        # mmengine counts epochs anew in each phase, and adds them to this seed.
        "sampler": {"type": "ResumableSampler", "shuffle": True, "seed": task.seed + phase.epochs_before},
        **_workers(settings),
    }


def _validation(task: MemberTask) -> dict[str, Any]:
    if not task.validation.images:
        return {}
    images = DetectionImages(task.validation, inference_pipeline(task.settings.image_size, task.cache), task.seed)
    return {
        "val_dataloader": {
            "dataset": images,
            "batch_size": VALIDATION_BATCH_SIZE,
            "sampler": {"type": "DefaultSampler", "shuffle": False},
            **_workers(task.settings),
            "persistent_workers": False,  # they would lie idle most of the time
        },
        "val_cfg": {},
        "val_evaluator": Evaluator([TRAINING_TASKS[task.settings.task].score(task)]),
    }


def _workers(settings: Model) -> dict[str, Any]:
    resources = settings.resources
    return loader_options(resources.num_cpus / get_world_size(), has_gpu=bool(resources.num_gpus))
