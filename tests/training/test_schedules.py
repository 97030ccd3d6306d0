"""The course of the learning rate, as mmengine's scheduler sets it on a real optimiser."""

import itertools
import math
from typing import Any

import pytest
import torch
from mmengine.optim import OptimWrapper
from mmengine.registry import PARAM_SCHEDULERS
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR

from recycle.recipe import Optimizer
from recycle.training.schedules import learning_rate_factor, learning_rate_schedule

SCHEDULES = ("step", "cosine", "one_cycle", "constant")


def settings_of(**values: Any) -> Optimizer:
    return Optimizer.model_validate({"lr": 0.1, "warmup_steps": 0, "schedule": "constant", **values})


def course(settings: Optimizer, steps: int) -> list[float]:
    """The learning rate of each step, as the optimiser has it while it takes the step; a second group has half."""
    parameters = [nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))]
    groups: list[dict[str, Any]] = [{"params": parameters[:1]}, {"params": parameters[1:], "lr": settings.lr / 2}]
    wrapper = OptimWrapper(torch.optim.SGD(groups, lr=settings.lr))
    scheduler = PARAM_SCHEDULERS.build({**learning_rate_schedule(settings, steps), "optimizer": wrapper})
    rates = []
    for _ in range(steps):
        rate, half = (group["lr"] for group in wrapper.optimizer.param_groups)
        assert half == pytest.approx(rate / 2)
        rates.append(rate)
        wrapper.optimizer.step()
        scheduler.step()
    return rates


def test_warm_up_rises_linearly_to_the_learning_rate() -> None:
    rates = course(settings_of(warmup_steps=10), 60)
    assert rates[0] == pytest.approx(0.1 * 0.001)
    steps = [after - before for before, after in itertools.pairwise(rates[:10])]
    assert steps == pytest.approx([steps[0]] * len(steps))
    assert rates[10:] == pytest.approx([0.1] * 50)


@pytest.mark.parametrize(("steps", "longest"), [(60, 20), (9, 3), (6, 2)])
def test_warm_up_takes_at_most_a_third(steps: int, longest: int) -> None:
    rates = course(settings_of(warmup_steps=500), steps)
    assert all(rate < 0.1 for rate in rates[: longest - 1])
    assert rates[longest:] == pytest.approx([0.1] * (steps - longest))


def test_without_warm_up_the_first_step_is_whole() -> None:
    assert course(settings_of(), 5) == pytest.approx([0.1] * 5)


@pytest.mark.parametrize(("warmup", "steps"), [(1, 60), (500, 3), (500, 5)])
def test_a_warm_up_of_one_step_is_none(warmup: int, steps: int) -> None:
    assert course(settings_of(warmup_steps=warmup), steps) == pytest.approx([0.1] * steps)


@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_shortest_training_works(schedule: str, steps: int) -> None:
    rates = course(settings_of(schedule=schedule, warmup_steps=5), steps)
    assert len(rates) == steps
    assert all(0 < rate <= 0.1 for rate in rates)


def test_cosine_falls_to_a_hundredth() -> None:
    rates = course(settings_of(schedule="cosine", warmup_steps=20), 120)
    assert rates[20] == pytest.approx(0.1)
    assert rates[70] == pytest.approx((0.1 + 0.001) / 2)
    assert rates[20:] == sorted(rates[20:], reverse=True)
    end = 0.001 + (0.1 - 0.001) * (1 + math.cos(math.pi * 99 / 100)) / 2
    assert rates[-1] == pytest.approx(end)


def test_step_drops_to_a_tenth_twice() -> None:
    rates = course(settings_of(schedule="step", warmup_steps=10), 120)
    assert rates[10:80] == pytest.approx([0.1] * 70)
    assert rates[80:110] == pytest.approx([0.01] * 30)
    assert rates[110:] == pytest.approx([0.001] * 10)


@pytest.mark.parametrize("steps", [10, 97, 200])
def test_one_cycle_is_pytorchs(steps: int) -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = OneCycleLR(optimizer, max_lr=0.1, total_steps=steps, cycle_momentum=False)
    expected = []
    for _ in range(steps):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if len(expected) < steps:
            scheduler.step()
    assert course(settings_of(schedule="one_cycle", warmup_steps=50), steps) == pytest.approx(expected)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_schedule_taken_up_again_goes_on_as_before(schedule: str) -> None:
    whole = [learning_rate_factor(schedule, 5, step, 40) for step in range(40)]
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    settings = {**learning_rate_schedule(settings_of(schedule=schedule, warmup_steps=5), 40), "optimizer": optimizer}
    first = PARAM_SCHEDULERS.build(settings)
    for _ in range(25):
        first.step()
    second = PARAM_SCHEDULERS.build(settings)
    second.load_state_dict(first.state_dict())
    second.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(whole[26])
