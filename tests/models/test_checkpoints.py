import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mmengine.runner import CheckpointLoader
from mmengine.runner.checkpoint import _load_checkpoint
from safetensors.torch import save_file
from torch import nn

from recycle.errors import WeightsError
from recycle.models.checkpoints import load_checkpoint, load_matching_weights, use_safe_loader


class Evil:
    """Makes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self._mark,)


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """Appears when code was executed."""
    return tmp_path / "executed"


@pytest.fixture(params=["archive", "legacy", "bare pickle", "nested"])
def evil_file(request: pytest.FixtureRequest, tmp_path: Path, mark: Path) -> Path:
    path = tmp_path / "evil.pth"
    if request.param == "bare pickle":
        path.write_bytes(pickle.dumps(Evil(mark), protocol=2))
    else:
        inner: Any = [Evil(mark)] if request.param == "nested" else Evil(mark)
        content = {"state_dict": {"weight": torch.ones(1)}, "meta": inner}
        torch.save(content, path, _use_new_zipfile_serialization=request.param != "legacy")
    return path


def test_a_checkpoint_that_would_execute_code_is_refused_and_not_executed(evil_file: Path, mark: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        load_checkpoint(evil_file)
    told = str(caught.value)
    assert told.startswith(f"{evil_file}: refused, as it holds more than tensors: ")
    assert "getattr" in told
    assert "\n" not in told
    assert "weights_only" not in told
    assert not mark.exists()


def test_unpickling_would_have_executed_it(tmp_path: Path, mark: Path) -> None:
    path = tmp_path / "evil.pth"
    torch.save({"meta": Evil(mark)}, path)
    mark.unlink(missing_ok=True)
    torch.load(path, weights_only=False)
    assert mark.exists()


def test_mmengine_refuses_too(evil_file: Path, mark: Path) -> None:
    use_safe_loader()
    with pytest.raises(WeightsError, match="refused"):
        _load_checkpoint(str(evil_file), map_location="cpu")
    with pytest.raises(WeightsError, match="refused"):
        CheckpointLoader.load_checkpoint(str(evil_file), "cpu")
    assert not mark.exists()


@pytest.mark.parametrize("address", ["https://example.org/x.pth", "s3://bucket/x.pth", "torchvision://resnet50"])
def test_mmengine_fetches_nothing_by_itself(address: str) -> None:
    use_safe_loader()
    with pytest.raises(WeightsError, match="there is no such checkpoint"):
        CheckpointLoader.load_checkpoint(address, "cpu")


def test_what_training_writes_is_read(tmp_path: Path) -> None:
    path = tmp_path / "good.pth"
    content = {
        "state_dict": {"weight": torch.arange(3.0)},
        "meta": {"epoch": 3, "seed": np.int64(5), "score": np.float64(0.5), "classes": ("a", "b")},
        "optimizer": {"state": {0: {"step": torch.tensor(4.0)}}, "param_groups": [{"lr": 0.1}]},
    }
    torch.save(content, path)
    loaded = load_checkpoint(path)
    assert torch.equal(loaded["state_dict"]["weight"], torch.arange(3.0))
    assert loaded["meta"] == content["meta"]
    assert loaded["optimizer"]["param_groups"] == [{"lr": 0.1}]


def test_safetensors_are_read(tmp_path: Path) -> None:
    path = tmp_path / "good.safetensors"
    save_file({"weight": torch.arange(3.0)}, path)
    assert torch.equal(load_checkpoint(path)["state_dict"]["weight"], torch.arange(3.0))
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(WeightsError, match=r"good\.safetensors: not a readable safetensors file"):
        load_checkpoint(path)


@pytest.mark.parametrize(("content", "kind"), [([1, 2], "list"), (torch.zeros(2), "Tensor"), ("text", "str")])
def test_what_is_no_mapping_is_refused(tmp_path: Path, content: Any, kind: str) -> None:
    path = tmp_path / "odd.pth"
    torch.save(content, path)
    with pytest.raises(WeightsError, match=f"a checkpoint must be a mapping, but this is a {kind}"):
        load_checkpoint(path)


def test_a_missing_file_or_a_folder_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.pth", tmp_path):
        with pytest.raises(WeightsError) as caught:
            load_checkpoint(path)
        assert str(caught.value) == f"{path}: there is no such checkpoint"


def damaged_files() -> st.SearchStrategy[Callable[[bytes], bytes]]:
    cut = st.floats(0, 0.999).map(lambda share: lambda good: good[: int(share * len(good))])
    noise = st.binary(max_size=100).map(lambda raw: lambda _: raw)
    flipped = st.tuples(st.floats(0, 0.999), st.integers(1, 255)).map(
        lambda pair: lambda good: _with_byte(good, int(pair[0] * len(good)), pair[1])
    )
    return st.one_of(cut, noise, flipped)


def refusal_of(path: Path) -> str | None:
    """None where the damage hit a tensor's numbers only."""
    try:
        assert isinstance(load_checkpoint(path), dict)
    except WeightsError as error:
        return str(error)
    return None


def _with_byte(good: bytes, at: int, change: int) -> bytes:
    return good[:at] + bytes([good[at] ^ change]) + good[at + 1 :]


@pytest.mark.parametrize("is_archive", [True, False])
@given(damage=damaged_files())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
def test_a_damaged_file_is_refused_in_one_line(
    tmp_path: Path, is_archive: bool, damage: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "damaged.pth"
    torch.save({"state_dict": {"weight": torch.ones(4)}}, path, _use_new_zipfile_serialization=is_archive)
    path.write_bytes(damage(path.read_bytes()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        told = refusal_of(path)
    assert told is None or (told.startswith(f"{path}: ") and "\n" not in told and "weights_only" not in told)


class Detector(nn.Module):
    def __init__(self, classes: int) -> None:
        super().__init__()
        self.body = nn.Linear(4, 3)
        self.head = nn.Linear(3, classes)


@pytest.mark.parametrize("is_bare", [True, False])
def test_a_head_for_other_classes_is_left_out_and_told(tmp_path: Path, is_bare: bool) -> None:
    path = tmp_path / "pretrained.pth"
    source, target = Detector(80), Detector(10)
    torch.save(source.state_dict() if is_bare else {"state_dict": source.state_dict(), "meta": {}}, path)
    head = target.head.weight.clone()
    assert load_matching_weights(target, path) == ["head.weight", "head.bias"]
    assert torch.equal(target.body.weight, source.body.weight)
    assert torch.equal(target.head.weight, head)


def test_a_state_dict_that_fits_leaves_nothing_out(tmp_path: Path) -> None:
    path = tmp_path / "pretrained.pth"
    torch.save({**Detector(10).state_dict(), "further": torch.ones(1)}, path)
    assert load_matching_weights(Detector(10), path) == []


@pytest.mark.parametrize(
    "content", [{"other": torch.ones(1)}, {"body.weight": torch.ones(1)}, {"body.weight": 3}, {}, {"state_dict": None}]
)
def test_weights_of_which_none_fits_are_refused(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "pretrained.pth"
    torch.save(content, path)
    with pytest.raises(WeightsError, match=r"pretrained\.pth: "):
        load_matching_weights(Detector(10), path)
