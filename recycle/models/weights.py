"""Pretrained weights of full-size backbones: found where PyTorch keeps them, fetched if they can be."""

import os
import shutil
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from recycle.errors import WeightsError
from recycle.files import replacing
from recycle.paths import user_caches
from recycle.recipe.openmmlab import TIMM_PREFIX

SWIN_RELEASE = "https://github.com/SwinTransformer/storage/releases/download/v1.0.0"
ADDRESSES = {
    "resnet50": "https://download.pytorch.org/models/resnet50-0676ba61.pth",
    "resnet101": "https://download.pytorch.org/models/resnet101-63fe2227.pth",
    "resnext101_32x4d": "https://mmassets.onedl.ai/pretrain/third_party/resnext101_32x4d-a5af3160.pth",
    "resnext101_64x4d": "https://mmassets.onedl.ai/pretrain/third_party/resnext101_64x4d-ee2c6f71.pth",
    "swin_t": f"{SWIN_RELEASE}/swin_tiny_patch4_window7_224.pth",
    "swin_s": f"{SWIN_RELEASE}/swin_small_patch4_window7_224.pth",
    "swin_b": f"{SWIN_RELEASE}/swin_base_patch4_window12_384_22k.pth",
    "swin_l": f"{SWIN_RELEASE}/swin_large_patch4_window12_384_22k.pth",
}
"""Of the backbones that mmdet builds; those of mmdet's configurations."""

SMP_PREFIX = "smp/"
"""Names encoders of segmentation_models.pytorch's own."""

SECONDS_TO_ANSWER = 30


def find_weights(backbone: str) -> Path:
    """Finds the ImageNet weights of a backbone.

    Args:
        backbone: As a recipe names it: `resnet50`, `swin_l`, `timm/convnext_tiny`; or `smp/` and an encoder of smp.

    Returns:
        The file in PyTorch's hub folder (`$TORCH_HOME/hub/checkpoints`), downloaded if it was not there.

    Raises:
        RecipeError: If timm or smp has no such model.
        WeightsError: If it is neither there nor can be downloaded; names the file and where to put it.
    """
    address, name = _source(backbone)
    path = _hub_folder() / name
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        _download(address, path)
    return path


def _source(backbone: str) -> tuple[str, str]:
    """Address and name of the file."""
    if backbone.startswith(TIMM_PREFIX):
        from recycle.models.backbones import pretrained_source  # noqa: PLC0415 - torch takes seconds to import

        return pretrained_source(backbone.removeprefix(TIMM_PREFIX))
    if backbone.startswith(SMP_PREFIX):
        from recycle.models.encoders import published_weights  # noqa: PLC0415

        return published_weights(backbone.removeprefix(SMP_PREFIX))
    return ADDRESSES[backbone], Path(ADDRESSES[backbone]).name


def _hub_folder() -> Path:
    """As `torch.hub.get_dir()` has it, which takes seconds to import."""
    return Path(os.environ.get("TORCH_HOME") or user_caches() / "torch").expanduser() / "hub" / "checkpoints"


def _download(address: str, path: Path) -> None:
    try:
        with (
            urlopen(address, timeout=SECONDS_TO_ANSWER) as source,  # noqa: S310 - addresses are ours or timm's
            replacing(path) as temporary,
            temporary.open("wb") as target,
        ):
            shutil.copyfileobj(source, target)
    except (URLError, OSError) as error:
        raise WeightsError(
            f"{path}: these pretrained weights are missing and {address} cannot be reached ({error}); put the file "
            f"there by hand, or set `pretrained: none`, or `backbone: efficientnet_lite0`, whose weights are installed"
        ) from None
