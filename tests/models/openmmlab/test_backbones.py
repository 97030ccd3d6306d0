from pathlib import Path

import pytest
import timm
import torch
from mmdet.registry import MODELS
from safetensors.torch import save_file
from torch import Tensor

from recycle.errors import RecipeError, WeightsError
from recycle.models.families import build_model
from recycle.models.openmmlab.configuration import openmmlab
from tests.models.openmmlab.settings import empty_network, parse


def gradients(backbone: str, *, activation_checkpointing: bool) -> dict[str, Tensor]:
    """Of a backbone with random weights, after one image."""
    torch.manual_seed(0)
    settings = parse("atss", backbone=backbone, activation_checkpointing=activation_checkpointing, fpn_channels=32)
    network = build_model(settings, class_count=2).backbone
    network.train()
    torch.manual_seed(1)
    sum(feature.square().mean() for feature in network(torch.randn(2, 3, 64, 64))).backward()
    return {name: parameter.grad for name, parameter in network.named_parameters() if parameter.grad is not None}


@pytest.mark.parametrize("backbone", ["swin_t", "resnet50"])
def test_checkpointed_activations_give_the_same_gradients(backbone: str) -> None:
    kept = gradients(backbone, activation_checkpointing=False)
    computed = gradients(backbone, activation_checkpointing=True)
    assert len(kept) > 100
    assert kept.keys() == computed.keys()
    for name, gradient in kept.items():
        torch.testing.assert_close(gradient, computed[name], rtol=1e-3, atol=1e-5, msg=name)


@pytest.mark.parametrize("family", ["cascade_rcnn", "detectors", "mask_rcnn_swin", "dino", "atss"])
def test_checkpointing_reaches_the_backbone(family: str) -> None:
    assert openmmlab(parse(family, activation_checkpointing=True), class_count=2).backbone.with_cp


def test_plain_vision_transformers_are_refused() -> None:
    with pytest.raises(RecipeError, match="strides 8, 16, 32, but those of vit_tiny_patch16_224 are 16, 16, 16"):
        openmmlab(parse("dino", backbone="timm/vit_tiny_patch16_224"), class_count=2)


def test_unknown_models_of_timm_are_refused() -> None:
    with pytest.raises(RecipeError, match="must be a timm model, but got name=nonsense"):
        openmmlab(parse("cascade_rcnn", backbone="timm/nonsense"), class_count=2)


def test_pretrained_backbones_are_loaded_and_their_shallow_levels_are_frozen() -> None:
    network = empty_network("atss", backbone="efficientnet_lite0")
    assert all(parameter.requires_grad for parameter in network.parameters())
    settings = parse("atss", backbone="efficientnet_lite0", pretrained="imagenet", fpn_channels=32)
    first, second = (build_model(settings, class_count=2).backbone for _ in range(2))
    assert len({parameter.requires_grad for parameter in first.parameters()}) == 2
    theirs = second.state_dict()
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in first.state_dict().items())


@pytest.mark.parametrize("backbone", ["resnet50", "swin_t"])
def test_weights_from_the_usual_place_are_loaded(
    backbone: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = {"resnet50": "resnet50-0676ba61.pth", "swin_t": "swin_tiny_patch4_window7_224.pth"}[backbone]
    path = tmp_path / "hub" / "checkpoints" / file
    path.parent.mkdir(parents=True)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    torch.manual_seed(3)
    donor = MODELS.build(openmmlab(parse("atss", backbone=backbone), class_count=2).backbone)
    tensors = donor.state_dict()
    if backbone == "swin_t":  # as Swin's own repository names them
        tensors = {
            name.replace("stages", "layers").replace("w_msa.", "").replace("projection", "proj"): tensor
            for name, tensor in tensors.items()
        }
    torch.save({"model": tensors} if backbone == "swin_t" else tensors, path)
    settings = parse("atss", backbone=backbone, pretrained="imagenet", fpn_channels=32)
    loaded = build_model(settings, class_count=2).backbone.state_dict()
    name = "layer2.0.conv1.weight" if backbone == "resnet50" else "stages.1.blocks.0.attn.w_msa.qkv.weight"
    assert torch.equal(loaded[name], donor.state_dict()[name])


def test_a_file_of_another_timm_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "resnet34.safetensors"
    save_file(timm.create_model("resnet34").state_dict(), path)
    with pytest.raises(WeightsError, match="lack the tensor"):
        build_model(parse("atss", backbone="timm/convnext_atto", pretrained=str(path)), class_count=2)
