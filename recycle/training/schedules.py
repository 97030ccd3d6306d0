"""The course of the learning rate: its factor at each step, and the scheduler that sets it."""

import math
from typing import Any

from mmengine.optim import OptimWrapper
from mmengine.optim.scheduler.param_scheduler import _ParamScheduler
from mmengine.registry import PARAM_SCHEDULERS

from recycle.recipe import Optimizer

STEP_MILESTONES = (2 / 3, 11 / 12)
LOWEST_COSINE_FACTOR = 0.01
WARMUP_START_FACTOR = 0.001
LARGEST_WARMUP_PART = 1 / 3

ONE_CYCLE_RISE = 0.3
ONE_CYCLE_START_FACTOR = 1 / 25
ONE_CYCLE_END_FACTOR = ONE_CYCLE_START_FACTOR / 1e4
"""Those of PyTorch's OneCycleLR."""


def learning_rate_factor(schedule: str, warmup_steps: int, step: int, steps: int) -> float:
    """The factor on the learning rate while a step is taken.

    Args:
        schedule: `step`, `cosine`, `one_cycle` or `constant`.
        warmup_steps: Steps over which the rate rises linearly; at most a third of all.
        step: The step, from 0.
        steps: Steps of the whole phase.
    """
    if schedule == "one_cycle":
        return _one_cycle(step, steps)
    warmup = min(warmup_steps, int(steps * LARGEST_WARMUP_PART))
    if warmup > 1 and step < warmup:
        return WARMUP_START_FACTOR + (1 - WARMUP_START_FACTOR) * step / (warmup - 1)
    if schedule == "step":
        return float(0.1 ** sum(step >= round(steps * part) for part in STEP_MILESTONES))
    if schedule == "cosine":
        return _cosine(1.0, LOWEST_COSINE_FACTOR, (step - warmup) / max(steps - warmup, 1))
    return 1.0


def _one_cycle(step: int, steps: int) -> float:
    peak, last = ONE_CYCLE_RISE * steps - 1, steps - 1
    if step <= peak:
        return _cosine(ONE_CYCLE_START_FACTOR, 1.0, step / peak) if peak > 0 else 1.0
    return _cosine(1.0, ONE_CYCLE_END_FACTOR, (step - peak) / (last - peak))


def _cosine(begin: float, end: float, part: float) -> float:
    return end + (begin - end) * (1 + math.cos(math.pi * min(part, 1.0))) / 2


@PARAM_SCHEDULERS.register_module()
class LearningRateSchedule(_ParamScheduler):
    """Sets the learning rate of each parameter group to its own times `learning_rate_factor`.

    Args:
        optimizer: The optimiser.
        schedule: The recipe's schedule.
        warmup_steps: The recipe's warm-up.
        steps: Steps of the whole phase.
        **rest: What mmengine's schedulers take.
    """

    def __init__(self, optimizer: OptimWrapper, schedule: str, warmup_steps: int, steps: int, **rest: Any) -> None:  # noqa: ANN401
        self._schedule, self._warmup_steps, self._steps = schedule, warmup_steps, steps
        super().__init__(optimizer, "lr", **{**rest, "by_epoch": False})

    def _get_value(self) -> list[float]:
        factor = learning_rate_factor(self._schedule, self._warmup_steps, self.last_step, self._steps)
        return [base * factor for base in self.base_values]


def learning_rate_schedule(settings: Optimizer, steps: int) -> dict[str, Any]:
    """The schedule in the terms of mmengine.

    Args:
        settings: The recipe's optimiser.
        steps: Steps of the whole phase.
    """
    return {
        "type": "LearningRateSchedule",
        "schedule": settings.schedule,
        "warmup_steps": settings.warmup_steps,
        "steps": steps,
        "by_epoch": False,  # or mmengine would end it after as many steps as there are epochs
    }
