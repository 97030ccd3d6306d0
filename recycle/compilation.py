"""How loops are compiled."""

from collections.abc import Callable
from typing import Any, TypeVar

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(*, parallel: bool = False) -> Callable[[Function], Function]:
    """Compiles a function when it is first called; the result is kept on the disk if any place there is writable."""
    # NumPy's errors: a test of each divisor would keep loops from handling several numbers at once.
    options = {"nogil": True, "error_model": "numpy", "parallel": parallel}

    def decorate(function: Function) -> Function:
        try:
            return numba.njit(cache=True, **options)(function)  # type: ignore[no-any-return]
        except RuntimeError:
            return numba.njit(**options)(function)  # type: ignore[no-any-return]

    return decorate
