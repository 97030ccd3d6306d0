"""A stand-in for the module `mmcv._ext`, found by Python's import system only where no compiled one is."""

import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from types import ModuleType
from typing import Any, NoReturn

from recycle.errors import RecycleError
from recycle.models.mmcv_ops import (
    deformable_attention,
    deformable_convolution,
    focal_loss,
    roi_align,
    suppression,
)

_MODULE = "mmcv._ext"


def install() -> None:
    """Let `mmcv.ops` and `mmdet` be imported where mmcv has no compiled extension.

    Call it before the first import of either. A compiled `mmcv._ext` comes first on the import path and is then
    what `mmcv.ops` gets. Calling it again does nothing.
    """
    if not any(isinstance(finder, _ExtensionFinder) for finder in sys.meta_path):
        sys.meta_path.append(_ExtensionFinder())


def _compiler_version() -> str:
    return "not compiled: operators from torchvision and PyTorch"


_OPERATORS: dict[str, Callable[..., Any]] = {
    "nms": suppression.nms,
    "softnms": suppression.softnms,
    "roi_align_forward": roi_align.roi_align_forward,
    "roi_align_backward": roi_align.roi_align_backward,
    "deform_conv_forward": deformable_convolution.deform_conv_forward,
    "deform_conv_backward_input": deformable_convolution.deform_conv_backward_input,
    "deform_conv_backward_parameters": deformable_convolution.deform_conv_backward_parameters,
    "modulated_deform_conv_forward": deformable_convolution.modulated_deform_conv_forward,
    "modulated_deform_conv_backward": deformable_convolution.modulated_deform_conv_backward,
    "sigmoid_focal_loss_forward": focal_loss.sigmoid_focal_loss_forward,
    "sigmoid_focal_loss_backward": focal_loss.sigmoid_focal_loss_backward,
    "ms_deform_attn_forward": deformable_attention.ms_deform_attn_forward,
    "ms_deform_attn_backward": deformable_attention.ms_deform_attn_backward,
    "get_compiler_version": _compiler_version,
    "get_compiling_cuda_version": _compiler_version,
}


class _Extension(ModuleType):
    """`mmcv._ext`: `mmcv.ops` asks for all its operators at import, so any name resolves."""

    def __getattr__(self, name: str) -> Callable[..., NoReturn]:
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")

        def refuse(*_: object, **__: object) -> NoReturn:
            raise RecycleError(
                f"mmcv's operator {name!r} needs a compiled mmcv; without one recycle supplies only "
                f"{', '.join(sorted(_OPERATORS))}."
            )

        return refuse


class _ExtensionFinder(MetaPathFinder, Loader):
    """Finds `mmcv._ext` after all other finders, which find a compiled one."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        return importlib.util.spec_from_loader(fullname, self) if fullname == _MODULE else None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return _Extension(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        vars(module).update(_OPERATORS)
