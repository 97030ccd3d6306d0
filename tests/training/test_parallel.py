"""Gradients of two processes, each with its part of a batch, against those of one with all of it."""

from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.model import BaseModel
from torch import Tensor, nn
from torch.multiprocessing.spawn import spawn

from recycle.training.parallel import average_over_processes, shared_by_processes
from recycle.training.stepping import Stepping

pytestmark = pytest.mark.training

BATCH = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))


class Network(BaseModel):
    """A layer that takes batches as mmdet has them."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.layer = nn.Linear(3, 1)

    def forward(self, inputs: Tensor, data_samples: Any = None, mode: str = "tensor") -> Any:
        return {"loss": (self.layer(inputs) ** 2).mean()}


def train(batches: list[Tensor]) -> Tensor:
    """Weights after one step of as many batches."""
    model = Network()
    stepping = Stepping(
        torch.optim.SGD(model.parameters(), lr=0.1),
        precision="fp32",
        accumulate=len(batches),
        batches_an_epoch=len(batches),
        clip_grad_norm=1e9,
    )
    shared: Any = shared_by_processes(model)
    for batch in batches:
        shared.train_step({"inputs": batch}, optim_wrapper=stepping)
    return model.layer.weight.detach()


def run_process(rank: int, folder: str) -> None:
    """What one of two processes does; it leaves its weights and a mean of ranks in a file."""
    store = f"file://{folder}/store"
    torch.distributed.init_process_group("gloo", init_method=store, rank=rank, world_size=2)
    mean = torch.tensor([float(rank)])
    average_over_processes(mean)
    parts = BATCH[4 * rank : 4 * rank + 4]
    torch.save({"weights": train([parts[:2], parts[2:]]), "mean": mean}, f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


def test_two_processes_step_like_one_with_the_whole_batch(tmp_path: Path) -> None:
    spawn(run_process, (str(tmp_path),), nprocs=2)  # type: ignore[no-untyped-call]
    expected = train([BATCH])
    for rank in range(2):
        saved = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        torch.testing.assert_close(saved["weights"], expected)
        assert saved["mean"].item() == 0.5


def test_a_single_process_is_left_alone() -> None:
    model = Network()
    assert shared_by_processes(model) is model
    value = torch.tensor([3.0])
    average_over_processes(value)
    assert value.item() == 3
