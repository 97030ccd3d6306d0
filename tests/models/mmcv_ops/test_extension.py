import importlib
import importlib.util
import sys
from pathlib import Path

import mmcv
import pytest
import torch
from mmcv import ops
from mmcv.utils.env import collect_env
from mmcv.utils.ext_loader import check_ops_exist

from recycle.errors import RecycleError
from recycle.models.mmcv_ops import install


def test_installing_again_changes_nothing() -> None:
    finders, extension = list(sys.meta_path), sys.modules["mmcv._ext"]
    install()
    assert sys.meta_path == finders
    assert sys.modules["mmcv._ext"] is extension


def test_mmcv_and_mmengine_see_an_extension() -> None:
    spec = importlib.util.find_spec("mmcv._ext")
    assert spec is not None
    assert spec.loader is not None
    assert check_ops_exist()
    assert "not compiled" in collect_env()["MMCV Compiler"]


def test_an_operator_that_is_not_supplied_is_named_when_called() -> None:
    pooling = ops.RoIPool(output_size=2)
    with pytest.raises(RecycleError, match="'roi_pool_forward' needs a compiled mmcv"):
        pooling(torch.rand(1, 1, 4, 4), torch.tensor([[0.0, 0.0, 0.0, 3.0, 3.0]]))


def test_what_python_looks_up_is_not_mistaken_for_an_operator() -> None:
    extension = sys.modules["mmcv._ext"]
    assert not hasattr(extension, "__path__")
    assert not hasattr(extension, "__file__")


def test_a_compiled_extension_is_used_instead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "_ext.py").write_text("origin = 'compiled'")
    monkeypatch.setattr(mmcv, "__path__", [*mmcv.__path__, str(tmp_path)])
    monkeypatch.setattr(mmcv, "_ext", None)
    monkeypatch.delitem(sys.modules, "mmcv._ext")
    assert importlib.import_module("mmcv._ext").origin == "compiled"
