import os

import pytest
import torch
from torch.utils.data import DataLoader

from recycle.data.workers import loader_options


@pytest.mark.parametrize(
    ("num_cpus", "cores", "has_gpu", "workers", "prefetch"),
    [
        (1, 16, False, 0, None),
        (0.5, 16, False, 0, None),
        (4, 16, False, 1, 4),
        (1, 16, True, 1, 4),
        (2, 16, True, 1, 4),
        (3, 16, True, 2, 2),
        (8, 16, True, 7, 2),
        (8, 4, True, 3, 2),
        (4, 1, False, 0, None),
    ],
)
def test_workers(
    monkeypatch: pytest.MonkeyPatch, num_cpus: float, cores: int, has_gpu: bool, workers: int, prefetch: int | None
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    options = loader_options(num_cpus, has_gpu=has_gpu)
    assert options == {"num_workers": workers, "persistent_workers": workers > 0, "prefetch_factor": prefetch}


def test_a_loader_takes_them() -> None:
    for has_gpu in (False, True):
        loader: DataLoader[int] = DataLoader(range(5), batch_size=2, **loader_options(1, has_gpu=has_gpu))  # type: ignore[arg-type]
        assert torch.cat(list(loader)).tolist() == [0, 1, 2, 3, 4]
