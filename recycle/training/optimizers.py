"""Optimiser and learning-rate schedule in the terms of mmengine."""

from typing import Any

from recycle.recipe import Optimizer

TORCH_NAMES = {"sgd": "SGD", "adam": "Adam", "adamw": "AdamW"}
STEP_MILESTONES = (2 / 3, 11 / 12)
LOWEST_COSINE_FACTOR = 0.01
WARMUP_START_FACTOR = 0.001
LARGEST_WARMUP_PART = 1 / 3


def optimizer_wrapper(settings: Optimizer, *, has_gpu: bool) -> dict[str, Any]:
    """The optimiser with gradient clipping; mixed precision where there is a GPU."""
    optimizer: dict[str, Any] = {
        "type": TORCH_NAMES[settings.type],
        "lr": settings.lr,
        "weight_decay": settings.weight_decay,
    }
    if settings.type == "sgd":
        optimizer["momentum"] = settings.momentum
    precision = {"type": "AmpOptimWrapper", "loss_scale": "dynamic"} if has_gpu else {"type": "OptimWrapper"}
    return {
        **precision,
        "optimizer": optimizer,
        "clip_grad": {"max_norm": settings.clip_grad_norm},
        "paramwise_cfg": {"norm_decay_mult": 0.0, "bias_decay_mult": 0.0},
    }


def learning_rate_schedule(settings: Optimizer, steps: int) -> list[dict[str, Any]]:
    """Linear warm-up, then the schedule, both counted in steps.

    Args:
        settings: The recipe's optimiser.
        steps: Steps of the whole training.
    """
    warmup = min(settings.warmup_steps, int(steps * LARGEST_WARMUP_PART))
    schedules: list[dict[str, Any]] = []
    if warmup > 1:  # mmengine's warm-up of a single step would never end
        schedules.append(
            {"type": "LinearLR", "start_factor": WARMUP_START_FACTOR, "by_epoch": False, "begin": 0, "end": warmup}
        )
    if settings.schedule == "step":
        milestones = sorted({round(steps * part) for part in STEP_MILESTONES})
        schedules.append({"type": "MultiStepLR", "milestones": milestones, "gamma": 0.1, "by_epoch": False})
    if settings.schedule == "cosine":
        schedules.append(
            {
                "type": "CosineAnnealingLR",
                "eta_min_ratio": LOWEST_COSINE_FACTOR,
                "by_epoch": False,
                "begin": warmup,
                "end": steps,
            }
        )
    return schedules
