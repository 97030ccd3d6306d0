"""Averages of the weights, which are validated, saved and predicted with in place of the last weights.

The checkpoint's `state_dict` holds the average; the weights that training goes on with are in `ema_state_dict`.
"""

from typing import Any

import torch
from mmengine.hooks import EMAHook, Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch.nn.modules.batchnorm import _BatchNorm

from recycle.data.loading import seed_everything
from recycle.recipe import EMA
from recycle.training.parallel import average_over_processes
from recycle.training.phase import PhaseTask


def averaging_hooks(phase: PhaseTask) -> list[Hook]:
    """The hook that averages the weights of a phase, if its recipe asks for one."""
    averaging = phase.settings.averaging
    if averaging is None:
        return []
    return [EmaHook(averaging)] if isinstance(averaging, EMA) else [SwaHook(phase, averaging.start)]


class EmaHook(EMAHook):
    """The exponential moving average, counted in steps of the optimiser.

    Statistics of batch norm are averaged like weights.
    """

    def __init__(self, settings: EMA) -> None:
        super().__init__(
            ema_type="mmdet.ExpMomentumEMA",
            momentum=1 - settings.decay,
            gamma=settings.warmup_steps,
            update_buffers=True,
            strict_load=True,
        )

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,  # noqa: ANN401
        outputs: dict[str, Any] | None = None,
    ) -> None:
        """Updates the average where the weights have moved."""
        if runner.optim_wrapper.should_update():
            super().after_train_iter(runner, batch_idx, data_batch, outputs)


class SwaHook(EMAHook):
    """The mean of the weights after each of the last epochs; batch norm is re-estimated at the end."""

    def __init__(self, phase: PhaseTask, start: float) -> None:
        super().__init__(ema_type="StochasticWeightAverage", update_buffers=True, strict_load=True)
        self._phase = phase
        self._first_epoch = int(start * phase.settings.epochs)

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,  # noqa: ANN401
        outputs: dict[str, Any] | None = None,
    ) -> None:
        """Does nothing: the mean is over epochs."""

    def after_train_epoch(self, runner: Runner) -> None:
        """Takes the weights into the mean; until it begins, the mean is the weights themselves."""
        if runner.epoch < self._first_epoch:
            self.ema_model.module.load_state_dict(self.src_model.state_dict())
            return
        self.ema_model.update_parameters(self.src_model)
        if runner.epoch + 1 == runner.max_epochs:
            seed_everything((self._phase.member.seed, self._phase.steps_before + runner.max_iters))
            reestimate_batch_norm(self.ema_model.module, runner.train_dataloader)


def reestimate_batch_norm(model: BaseModel, batches: Any) -> None:  # noqa: ANN401 - any iterable of mmdet's batches
    """Sets the statistics of batch norm to their means over batches; what is not trained stays as it is."""
    model.train()
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm) and module.training]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # PyTorch's way of asking for the mean over all batches
    with torch.no_grad():
        for batch in batches:
            model(**model.data_preprocessor(batch, True), mode="loss")
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        for statistic in (norm.running_mean, norm.running_var):
            assert statistic is not None
            average_over_processes(statistic)
