"""Pretrained weights of full-size backbones: found where PyTorch keeps them, fetched if they can be."""

from pathlib import Path
from urllib.error import URLError

import torch
from mmengine.runner.checkpoint import get_external_models, get_torchvision_models

from recycle.errors import WeightsError


def find_weights(address: str) -> Path:
    """Finds the weights that mmdet's configurations name.

    Args:
        address: `torchvision://resnet50` or `open-mmlab://resnext101_32x4d`.

    Returns:
        The file in PyTorch's hub folder (`$TORCH_HOME/hub/checkpoints`), downloaded if it was not there.

    Raises:
        WeightsError: If it is neither there nor can be downloaded; names the file and where to put it.
    """
    scheme, _, name = address.partition("://")
    addresses = get_torchvision_models() if scheme == "torchvision" else get_external_models()
    url = addresses[name]
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(url).name
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        _download(url, path)
    return path


def _download(url: str, path: Path) -> None:
    try:
        torch.hub.download_url_to_file(url, str(path), progress=False)
    except (URLError, OSError) as error:
        raise WeightsError(
            f"{path}: these pretrained weights are missing and {url} cannot be reached ({error}); put the file "
            f"there by hand, or set `pretrained: none`, or `backbone: efficientnet_lite0`, whose weights are installed"
        ) from None
