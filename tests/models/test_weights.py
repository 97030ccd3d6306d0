from pathlib import Path

import pytest
import timm
import torch
from mmengine.runner.checkpoint import get_external_models, get_torchvision_models

from recycle.errors import RecipeError, WeightsError
from recycle.models.openmmlab.backbones import RESNETS, SWINS
from recycle.models.openmmlab.shipped import shipped
from recycle.models.weights import ADDRESSES, find_weights

NOWHERE = "http://127.0.0.1:9/weights.pth"


@pytest.fixture(autouse=True)
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where weights lie."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "torch" / "hub" / "checkpoints"


@pytest.mark.parametrize("backbone", ADDRESSES)
def test_addresses_are_those_of_mmdets_configurations(backbone: str) -> None:
    address = shipped((RESNETS | SWINS)[backbone]).backbone.init_cfg.checkpoint
    scheme, _, name = address.partition("://")
    known = {"torchvision": get_torchvision_models, "open-mmlab": get_external_models}
    assert (known[scheme]()[name] if scheme in known else address) == ADDRESSES[backbone]


def test_the_folder_is_pytorchs(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.mkdir(parents=True)
    file = hub / "resnet50-0676ba61.pth"
    file.touch()
    assert find_weights("resnet50") == file == Path(torch.hub.get_dir()) / "checkpoints" / file.name
    monkeypatch.delenv("TORCH_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(hub))
    monkeypatch.setitem(ADDRESSES, "resnet50", NOWHERE)
    with pytest.raises(WeightsError, match=str(Path(torch.hub.get_dir()))):
        find_weights("resnet50")


def test_missing_weights_are_fetched_once(hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "swin.pth"
    source.write_bytes(b"tensors" * 300_000)
    monkeypatch.setitem(ADDRESSES, "swin_t", source.as_uri())
    assert find_weights("swin_t").read_bytes() == source.read_bytes()
    source.unlink()
    assert find_weights("swin_t") == hub / "swin.pth"


def test_weights_that_cannot_be_had_are_named_with_their_place(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ADDRESSES, "swin_l", NOWHERE)
    with pytest.raises(WeightsError) as error:
        find_weights("swin_l")
    assert str(error.value).startswith(f"{hub / 'weights.pth'}: these pretrained weights are missing and {NOWHERE}")
    assert "`pretrained: none`" in str(error.value)
    assert not list(hub.iterdir())


@pytest.mark.parametrize("name", ["resnet18", "resnet18.a1_in1k", "convnext_tiny"])
def test_weights_of_timm_have_a_place_too(name: str, hub: Path) -> None:
    hub.mkdir(parents=True)
    file = hub / f"{name}.safetensors"
    file.touch()
    assert find_weights(f"timm/{name}") == file


def test_models_of_timm_without_weights_are_refused() -> None:
    bare = next(name for name in timm.list_models("vit*") if not timm.is_model_pretrained(name))
    with pytest.raises(RecipeError, match=f"no pretrained weights for its model {bare}"):
        find_weights(f"timm/{bare}")
    with pytest.raises(RecipeError, match="name=nonsense"):
        find_weights("timm/nonsense")
