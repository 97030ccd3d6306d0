"""One member trained by several processes, one a GPU, that each take an equal part of every batch.

Gradients are exchanged by PyTorch's DistributedDataParallel, in the process group that the caller has joined; in a
single process nothing here does anything.
"""

import torch
from mmengine.dist import all_reduce, get_local_rank, is_distributed
from mmengine.model import BaseModel, MMDistributedDataParallel
from torch import Tensor, nn


def shared_by_processes(model: BaseModel) -> nn.Module:
    """Makes a network exchange gradients with those of the other processes."""
    if not is_distributed():
        single: nn.Module = model
        return single
    devices = [get_local_rank()] if torch.cuda.is_available() else None
    device = torch.device("cuda", get_local_rank()) if devices else torch.device("cpu")
    # Batches without boxes leave parts of a detector without gradients.
    wrapped: nn.Module = MMDistributedDataParallel(
        model.to(device), device_ids=devices, broadcast_buffers=False, find_unused_parameters=True
    )
    return wrapped


def average_over_processes(tensor: Tensor) -> None:
    """Replaces a tensor by its mean over all processes."""
    if is_distributed():
        all_reduce(tensor, op="mean")
