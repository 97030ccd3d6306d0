"""The course of the learning rate and the groups of weight decay, as mmengine's own builders make them."""

import itertools
import math
from typing import Any

import pytest
import torch
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS, DefaultScope
from torch import nn

import recycle.models  # noqa: F401 - mmdet may not be imported before it
from recycle.models.backbones import TimmFeatures
from recycle.recipe import Optimizer
from recycle.training.optimizers import learning_rate_schedule, optimizer_wrapper


def settings_of(**values: Any) -> Optimizer:
    return Optimizer.model_validate({"lr": 0.1, "warmup_steps": 0, "schedule": "constant", **values})


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2))


def built(settings: Optimizer, model: nn.Module) -> OptimWrapper:
    with DefaultScope.overwrite_default_scope("mmdet"):
        return build_optim_wrapper(model, optimizer_wrapper(settings, has_gpu=False))


def course(settings: Optimizer, steps: int) -> list[float]:
    """The learning rate of each step, as the optimiser has it while it takes the step."""
    wrapper = built(settings, network())
    schedulers = [
        PARAM_SCHEDULERS.build({**part, "optimizer": wrapper}) for part in learning_rate_schedule(settings, steps)
    ]
    rates = []
    for _ in range(steps):
        rates.append(wrapper.param_groups[0]["lr"])
        assert {group["lr"] for group in wrapper.param_groups} == {rates[-1]}
        wrapper.optimizer.step()
        for scheduler in schedulers:
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


@pytest.mark.parametrize("steps", [1, 2])
def test_the_shortest_training_works(steps: int) -> None:
    for schedule in ("step", "cosine", "constant"):
        assert len(course(settings_of(schedule=schedule, warmup_steps=5), steps)) == steps


def test_cosine_falls_to_a_hundredth() -> None:
    rates = course(settings_of(schedule="cosine", warmup_steps=20), 120)
    assert rates[20] == pytest.approx(0.1)
    assert rates[70] == pytest.approx((0.1 + 0.001) / 2)
    assert rates[20:] == sorted(rates[20:], reverse=True)
    end = 0.001 + (0.1 - 0.001) * (1 + math.cos(math.pi * 99 / 100)) / 2
    assert rates[-1] == pytest.approx(end)
    assert rates[-1] < 0.00103


def test_step_drops_to_a_tenth_twice() -> None:
    rates = course(settings_of(schedule="step", warmup_steps=10), 120)
    assert rates[10:80] == pytest.approx([0.1] * 70)
    assert rates[80:110] == pytest.approx([0.01] * 30)
    assert rates[110:] == pytest.approx([0.001] * 10)


@pytest.mark.parametrize(
    ("name", "kind"), [("sgd", torch.optim.SGD), ("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)]
)
def test_the_optimiser_is_the_one_asked_for(name: str, kind: type[torch.optim.Optimizer]) -> None:
    settings = settings_of(type=name, weight_decay=0.5, momentum=0.7, clip_grad_norm=3)
    wrapper = built(settings, network())
    assert type(wrapper.optimizer) is kind
    assert wrapper.optimizer.defaults["lr"] == 0.1
    assert wrapper.optimizer.defaults["weight_decay"] == 0.5
    assert wrapper.optimizer.defaults.get("momentum") == (0.7 if name == "sgd" else None)
    assert wrapper.clip_grad_kwargs == {"max_norm": 3}


def test_gradients_are_clipped() -> None:
    model = nn.Linear(2, 1)
    wrapper = built(settings_of(type="sgd", lr=1, momentum=0, weight_decay=0, clip_grad_norm=0.5), model)
    before = model.weight.detach().clone()
    wrapper.update_params(1000 * model(torch.tensor([[3.0, 4.0]])).sum())
    moved = model.weight.detach() - before
    assert float(moved.norm()) < 0.5 + 1e-6
    assert float(moved.norm()) > 0.45


@pytest.mark.parametrize(
    "model", [network(), TimmFeatures("tf_efficientnet_lite0", (2, 3), "none")], ids=["plain", "timm"]
)
def test_norms_and_biases_do_not_decay_and_all_else_does(model: nn.Module) -> None:
    wrapper = built(settings_of(weight_decay=0.5), model)
    decay = {id(p): group["weight_decay"] for group in wrapper.optimizer.param_groups for p in group["params"]}
    norms = {id(p) for m in model.modules() if isinstance(m, nn.BatchNorm2d) for p in m.parameters(recurse=False)}
    named = dict(model.named_parameters())
    assert len(decay) == len(named)
    for name, parameter in named.items():
        is_spared = id(parameter) in norms or name.endswith("bias")
        assert decay[id(parameter)] == (0 if is_spared else 0.5), name
    assert set(decay.values()) == {0, 0.5}


def test_mixed_precision_is_for_gpus() -> None:
    assert optimizer_wrapper(settings_of(), has_gpu=True)["type"] == "AmpOptimWrapper"
    assert optimizer_wrapper(settings_of(), has_gpu=False)["type"] == "OptimWrapper"
