import re
import warnings
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from recycle.errors import WeightsError
from recycle.models.families import build_model
from tests.models.openmmlab.settings import parse

TINY = {"backbone": "efficientnet_lite0", "fpn_channels": 32, "head_channels": 16}
TINY_ATSS = {"backbone": "efficientnet_lite0", "fpn_channels": 32}


def checkpoint_of(path: Path, family: str, class_count: int, **changes: object) -> dict[str, torch.Tensor]:
    """Writes the checkpoint of a network with random weights."""
    torch.manual_seed(5)
    tensors: dict[str, torch.Tensor] = build_model(parse(family, **changes), class_count).state_dict()
    if path.suffix == ".safetensors":
        save_file(tensors, path)
    else:
        torch.save({"state_dict": tensors, "meta": {"epoch": 12}}, path)
    return tensors


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_checkpoint_of_the_same_network_is_loaded_whole(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"detector{suffix}"
    expected = checkpoint_of(path, "cascade_rcnn", 3, **TINY)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = build_model(parse("cascade_rcnn", pretrained=str(path), **TINY), 3).state_dict()
    assert all(torch.equal(tensor, loaded[name]) for name, tensor in expected.items())


@pytest.mark.parametrize(
    ("family", "changes", "layers"),
    [
        ("cascade_rcnn", TINY, [f"roi_head.bbox_head.{stage}.fc_cls" for stage in range(3)]),
        ("atss", TINY_ATSS, ["bbox_head.atss_cls"]),
    ],
)
def test_other_classes_begin_anew_and_are_named(
    tmp_path: Path, family: str, changes: dict[str, object], layers: list[str]
) -> None:
    path = tmp_path / "coco.pth"
    heads = [f"{layer}.{kind}" for layer in layers for kind in ("weight", "bias")]
    expected = checkpoint_of(path, family, 80, **changes)
    with pytest.warns(UserWarning, match=f"was trained for other classes: {', '.join(map(re.escape, heads))} begin"):
        loaded = build_model(parse(family, pretrained=str(path), **changes), 3).state_dict()
    assert {name for name, tensor in loaded.items() if tensor.shape != expected[name].shape} == set(heads)
    assert all(torch.equal(tensor, expected[name]) for name, tensor in loaded.items() if name not in heads)


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "wide.pth"
    checkpoint_of(path, "cascade_rcnn", 3, **TINY)
    narrow = parse("cascade_rcnn", pretrained=str(path), **{**TINY, "head_channels": 24})
    with pytest.raises(
        WeightsError, match=r"wide\.pth: these weights are of another network than model 'm': they lack"
    ):
        build_model(narrow, 3)


@pytest.mark.parametrize("is_backbone", [True, False])
def test_a_path_may_hold_the_backbone_of_timm_alone_or_the_detector(tmp_path: Path, is_backbone: bool) -> None:
    path = tmp_path / "weights.safetensors"
    changes = {"backbone": "timm/resnet18", "fpn_channels": 32}
    if is_backbone:
        save_file(timm.create_model("resnet18").state_dict(), path)
    else:
        checkpoint_of(path, "atss", 3, **changes)
    network = build_model(parse("atss", pretrained=str(path), **changes), 3)
    name = "layer1.0.conv1.weight"
    held = load_file(path)[name if is_backbone else f"backbone.network.{name}"]
    assert torch.equal(network.backbone.network.state_dict()[name], held)
