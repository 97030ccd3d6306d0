"""Tests of what is not always installed."""

from importlib.util import find_spec

import pytest

from recycle.models.ultralytics_import import import_ultralytics


def require_ultralytics() -> None:
    """Skips the test, or the file, where ultralytics is missing."""
    if find_spec("ultralytics") is None:
        pytest.skip("ultralytics is an extra", allow_module_level=True)
    import_ultralytics()
