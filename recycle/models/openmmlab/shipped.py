"""The configurations inside the mmdet package."""

from importlib.util import find_spec
from pathlib import Path

from mmengine.config import Config, ConfigDict

LOWEST_SCORE = 0.001
"""Weak boxes are kept: fusion and average precision both use them."""

MOST_BOXES = 100
"""Per image, as COCO counts them."""


def shipped(name: str) -> ConfigDict:
    """The model part of a configuration of mmdet, for example "atss/atss_r50_fpn_1x_coco.py"."""
    spec = find_spec("mmdet")
    assert spec is not None
    assert spec.origin is not None
    return Config.fromfile(Path(spec.origin).parent / ".mim" / "configs" / name).model
