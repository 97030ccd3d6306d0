"""The compiled operators of mmcv, from torchvision and PyTorch instead, so that mmdet runs without compiling.

Call `install()` before the first import of `mmcv.ops` or `mmdet`. The other modules are what those then call.
"""

from recycle.models.mmcv_ops.extension import install

__all__ = ["install"]
