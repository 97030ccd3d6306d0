"""How gradients become steps: precision, accumulation over batches, and clipping."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from mmengine.optim import OptimWrapper
from torch import Tensor, nn
from torch.optim import Optimizer

Precision = Literal["fp32", "bf16", "fp16"]
DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def resolve_precision(precision: str) -> Precision:
    """What `auto` means on this machine: `bf16` on a GPU that has it, else `fp16`; `fp32` on the CPU."""
    if precision == "auto" and torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    return "fp32" if precision in ("auto", "fp32") else "bf16" if precision == "bf16" else "fp16"


class Stepping(OptimWrapper):
    """An optimiser that averages the gradients of several batches, in mixed precision where told so.

    No gradients are left over at the end of an epoch, where checkpoints are written: the last step of an epoch is that
    of the batches that remain.

    Args:
        optimizer: The optimiser.
        precision: Of forward passes; gradients of `fp16` are scaled.
        accumulate: Batches a step.
        batches_an_epoch: Number of batches of an epoch.
        clip_grad_norm: Longer gradients are scaled down.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        *,
        precision: Precision,
        accumulate: int,
        batches_an_epoch: int,
        clip_grad_norm: float,
    ) -> None:
        super().__init__(optimizer, accumulative_counts=accumulate, clip_grad={"max_norm": clip_grad_norm})
        self._precision = precision
        self._batches_an_epoch = batches_an_epoch
        self._scaler = torch.amp.GradScaler(_device_type(), enabled=precision == "fp16")

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Runs a forward pass in the precision asked for; gradients are exchanged only where a step follows."""
        dtype = DTYPES.get(self._precision)
        with super().optim_context(model), torch.autocast(_device_type(), dtype=dtype, enabled=dtype is not None):
            yield

    def backward(self, loss: Tensor, **kwargs: Any) -> None:  # noqa: ANN401 - mmengine's signature
        """Adds the gradients of a batch."""
        self._scaler.scale(loss).backward(**kwargs)  # type: ignore[no-untyped-call]
        self._inner_count += 1

    def step(self, **kwargs: Any) -> None:  # noqa: ANN401 - mmengine's signature
        """Moves the weights."""
        self._scaler.unscale_(self.optimizer)
        self._clip_grad()
        self._scaler.step(self.optimizer, **kwargs)
        self._scaler.update()

    def should_update(self) -> bool:
        """Whether the batch that was just added completes a step."""
        return self._completes_step(self._inner_count)

    def should_sync(self) -> bool:
        """Whether the batch that comes next completes a step."""
        return self._completes_step(self._inner_count + 1)

    def scale_loss(self, loss: Tensor) -> Tensor:
        """Divides the loss of a batch by the number of batches in its step."""
        accumulate: int = self._accumulative_counts
        begun = self._inner_count % self._batches_an_epoch // accumulate * accumulate
        share: Tensor = loss / min(accumulate, self._batches_an_epoch - begun)
        return share

    def state_dict(self) -> dict[str, Any]:
        """The state of the optimiser and of the scale of gradients."""
        return {**super().state_dict(), "loss_scaler": self._scaler.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes up a state that `state_dict` gave."""
        self._scaler.load_state_dict(state_dict.pop("loss_scaler"))
        super().load_state_dict(state_dict)

    def _completes_step(self, batches: int) -> bool:
        in_epoch = batches % self._batches_an_epoch
        return in_epoch == 0 or in_epoch % self._accumulative_counts == 0


def _device_type() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"
