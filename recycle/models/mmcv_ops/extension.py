"""A stand-in for the module `mmcv._ext`, found by Python's import system only where no compiled one is."""

import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from types import ModuleType
from typing import NoReturn

from recycle.errors import RecycleError

_MODULE = "mmcv._ext"


def install() -> None:
    """Let `mmcv.ops` and `mmdet` be imported where mmcv has no compiled extension.

    Call it before the first import of either. A compiled `mmcv._ext` comes first on the import path and is then
    what `mmcv.ops` gets. Calling it again does nothing.
    """
    if not any(isinstance(finder, _ExtensionFinder) for finder in sys.meta_path):
        sys.meta_path.append(_ExtensionFinder())


class _Extension(ModuleType):
    """`mmcv._ext`: `mmcv.ops` asks for all its operators at import, so any name resolves."""

    def __getattr__(self, name: str) -> Callable[..., NoReturn]:
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")

        def refuse(*_: object, **__: object) -> NoReturn:
            raise RecycleError(
                f"mmcv's operator {name!r} needs a compiled mmcv; without one recycle supplies only "
                f"{', '.join(sorted(key for key in vars(self) if not key.startswith('__')))}."
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
        # Torch takes seconds to import: whoever only installs does not wait for it.
        from recycle.models.mmcv_ops.operators import OPERATORS  # noqa: PLC0415

        vars(module).update(OPERATORS)
