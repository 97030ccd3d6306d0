"""Averages of weights against their formulas, and batch norm against the statistics of its batches."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from mmengine.model import BaseModel
from torch import Tensor, nn

from recycle.data.coco import Dataset
from recycle.recipe import EMA
from recycle.training.averaging import EmaHook, SwaHook, reestimate_batch_norm
from recycle.training.phase import PhaseTask
from recycle.training.stepping import Stepping
from tests.training.conformance import task_maker

YOLO = {"family": "yolov5", "size": "tiny", "image_size": 96}


class Network(BaseModel):
    """A layer and a norm, which takes batches as mmdet has them."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 3)
        self.norm = nn.BatchNorm1d(3)

    def forward(self, inputs: Tensor, data_samples: Any = None, mode: str = "tensor") -> Any:
        return {"loss": self.norm(self.layer(inputs)).mean()}


def batches(count: int) -> list[dict[str, Tensor]]:
    return [{"inputs": batch} for batch in torch.randn(count, 8, 2, generator=torch.Generator().manual_seed(0))]


def running(model: BaseModel, *, accumulate: int = 1, epochs: int = 1) -> Any:
    """What hooks see of a runner."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    wrapper = Stepping(optimizer, precision="fp32", accumulate=accumulate, batches_an_epoch=100, clip_grad_norm=1)
    return SimpleNamespace(
        model=model, optim_wrapper=wrapper, epoch=0, iter=0, max_epochs=epochs, max_iters=epochs, _resume=False,
        train_dataloader=batches(6),
    )  # fmt: skip


def set_weights(model: Network, value: float) -> None:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(value)


def test_ema_follows_its_formula() -> None:
    model, hook = Network(), EmaHook(EMA(type="ema", decay=0.9, warmup_steps=4))
    runner = running(model)
    hook.before_run(runner)
    expected = 0.0
    for step, value in enumerate([1.0, -2.0, 5.0, 3.0, 0.5]):
        set_weights(model, value)
        hook.after_train_iter(runner, step)
        decay = 0.9 * (1 - math.exp(-(step + 1) / 4)) if step else 0.0
        expected = decay * expected + (1 - decay) * value
        found = hook.ema_model.module.layer.weight
        torch.testing.assert_close(found, torch.full_like(found, expected))


def test_ema_counts_steps_of_the_optimiser_not_batches() -> None:
    model, hook = Network(), EmaHook(EMA(type="ema", decay=0.9))
    runner = running(model, accumulate=3)
    hook.before_run(runner)
    for batch in batches(7):
        runner.optim_wrapper.update_params(model(**batch)["loss"])
        hook.after_train_iter(runner, 0)
    assert int(hook.ema_model.steps) == 2


def swa_hook(sample: Dataset, tmp_path: Any, epochs: int, start: float) -> SwaHook:
    task = task_maker(sample, tmp_path, YOLO)(epochs=epochs)
    return SwaHook(PhaseTask(task, 0, task.settings, 0, 0, is_begun=False), start)


def test_swa_is_the_mean_of_the_last_epochs(sample: Dataset, tmp_path: Any) -> None:
    model, hook = Network(), swa_hook(sample, tmp_path, epochs=5, start=0.4)
    runner = running(model, epochs=5)
    hook.before_run(runner)
    for epoch, value in enumerate([9.0, 8.0, 1.0, 2.0, 6.0]):
        runner.epoch = epoch
        set_weights(model, value)
        hook.after_train_iter(runner, epoch)
        hook.after_train_epoch(runner)
        found = hook.ema_model.module.layer.weight.unique().tolist()
        assert found == pytest.approx([{2: 1.0, 3: 1.5, 4: 3.0}.get(epoch, value)])


def test_swa_estimates_batch_norm_of_the_mean_weights(sample: Dataset, tmp_path: Any) -> None:
    model, hook = Network(), swa_hook(sample, tmp_path, epochs=2, start=0.0)
    runner = running(model, epochs=2)
    hook.before_run(runner)
    for runner.epoch in range(2):
        torch.nn.init.normal_(model.layer.weight)
        hook.after_train_epoch(runner)
    averaged = hook.ema_model.module
    outputs = [averaged.layer(batch["inputs"]) for batch in batches(6)]
    torch.testing.assert_close(averaged.norm.running_mean, torch.stack([o.mean(dim=0) for o in outputs]).mean(dim=0))
    torch.testing.assert_close(averaged.norm.running_var, torch.stack([o.var(dim=0) for o in outputs]).mean(dim=0))


def test_norms_that_are_not_trained_keep_their_statistics() -> None:
    class Frozen(Network):
        def train(self, mode: bool = True) -> "Frozen":
            super().train(mode)
            self.norm.eval()
            return self

    model = Frozen()
    reestimate_batch_norm(model, batches(3))
    assert torch.equal(model.norm.running_mean, torch.zeros(3))  # type: ignore[arg-type]
