import copy
import pickle
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from sklearn.datasets import load_sample_image
from torch import nn

from recycle.errors import RecipeError, WeightsError
from recycle.models.backbones import (
    PACKAGED_BACKBONE,
    TimmFeatures,
    feature_channels,
    levels_of_strides,
    load_efficientnet_lite0,
    packaged_weights,
    pixel_mean_std,
)

LEVELS = (2, 3, 4)


class MarksItsUnpickling:
    """Unpickled without `weights_only`, it makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.mark,)


@pytest.mark.parametrize(("photograph", "label"), [("china.jpg", 698), ("flower.jpg", 985)], ids=["palace", "daisy"])
def test_packaged_weights_classify_photographs(photograph: str, label: int) -> None:
    network = timm.create_model(PACKAGED_BACKBONE).eval()
    network.load_state_dict(load_efficientnet_lite0())
    mean, std = pixel_mean_std(PACKAGED_BACKBONE)
    pixels = torch.from_numpy(load_sample_image(photograph).copy()).permute(2, 0, 1).float()
    square = nn.functional.interpolate(pixels[None, :, :, 106:533], size=(224, 224), mode="area")
    normalised = (square - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
    with torch.no_grad():
        assert int(network(normalised).argmax()) == label


def test_packaged_weights_exist_for_one_model() -> None:
    path = packaged_weights(PACKAGED_BACKBONE)
    assert path is not None
    assert path.is_file()
    assert packaged_weights("resnet18") is None


@pytest.mark.parametrize(
    ("name", "mean", "std"),
    [
        (PACKAGED_BACKBONE, (127.5, 127.5, 127.5), (127.5, 127.5, 127.5)),
        ("resnet18", (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
    ],
)
def test_pixel_mean_std_is_in_bytes(name: str, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
    found_mean, found_std = pixel_mean_std(name)
    assert found_mean == pytest.approx(mean)
    assert found_std == pytest.approx(std)


@pytest.mark.parametrize(
    ("name", "side"), [(PACKAGED_BACKBONE, 96), ("resnet18", 64), ("swin_tiny_patch4_window7_224", 224)]
)
def test_feature_maps_have_the_promised_channels(name: str, side: int) -> None:
    indices = (0, 1, 2, 3) if name.startswith("swin") else (1, 2, 3, 4)
    channels = feature_channels(name, indices)
    features = TimmFeatures(name, indices).eval()(torch.zeros(1, 3, side, side))
    assert [tuple(feature.shape[1:]) for feature in features] == [
        (channel, side // stride, side // stride) for channel, stride in zip(channels, (4, 8, 16, 32), strict=True)
    ]


def test_packaged_backbone_holds_the_packaged_tensors() -> None:
    weights = load_efficientnet_lite0()
    loaded = TimmFeatures(PACKAGED_BACKBONE, LEVELS, "packaged").network.state_dict()
    assert len(loaded) > 280
    for name, tensor in loaded.items():
        torch.testing.assert_close(tensor, weights[name], rtol=0, atol=0, msg=name)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("name", ["resnet18", "convnext_atto"])
def test_weights_of_a_file_are_loaded(name: str, suffix: str, tmp_path: Path) -> None:
    whole = timm.create_model(name)
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save(whole.state_dict(), path)
    else:
        save_file(whole.state_dict(), path)
    backbone = TimmFeatures(name, (1, 2, 3), str(path))
    loaded = {key.replace(".", "_"): tensor for key, tensor in backbone.network.state_dict().items()}
    expected = {key.replace(".", "_"): tensor for key, tensor in whole.state_dict().items()}
    assert loaded
    for key, tensor in loaded.items():
        torch.testing.assert_close(tensor, expected[key], rtol=0, atol=0, msg=key)


def test_a_pickle_is_refused_unexecuted(tmp_path: Path) -> None:
    path, mark = tmp_path / "weights.pth", tmp_path / "executed"
    path.write_bytes(pickle.dumps({"state_dict": MarksItsUnpickling(mark)}, protocol=2))
    with pytest.raises(WeightsError, match=r"weights\.pth"):
        TimmFeatures("resnet18", (1,), str(path))
    assert not mark.exists()


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "resnet34.pth"
    torch.save(timm.create_model("resnet34").state_dict(), path)
    with pytest.raises(WeightsError, match=r"lack the tensor stem_?.* of convnext_atto"):
        TimmFeatures("convnext_atto", (1,), str(path))
    with pytest.raises(WeightsError, match=r"must hold layer1\.0\.conv1\.weight of resnet50 as \(64, 64, 1, 1\)"):
        TimmFeatures("resnet50", (1,), str(path))


@pytest.mark.parametrize(
    ("name", "indices", "pretrained", "message"),
    [
        ("resnet_nonsense", (1,), "none", "must be a timm model, but got name=resnet_nonsense"),
        ("resnet18", (7,), "none", r"resnet18 has no feature levels out_indices=\[7\]"),
        ("resnet18", (1,), "packaged", "tf_efficientnet_lite0 only, but got name=resnet18"),
    ],
)
def test_wrong_settings_are_refused(name: str, indices: tuple[int, ...], pretrained: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        TimmFeatures(name, indices, pretrained)


def test_pixel_mean_std_refuses_an_unknown_model() -> None:
    with pytest.raises(RecipeError, match="name=resnet_nonsense"):
        pixel_mean_std("resnet_nonsense")


@pytest.mark.parametrize("norm_eval", [False, True])
def test_norm_eval_keeps_the_statistics(norm_eval: bool) -> None:
    backbone = TimmFeatures("resnet18", (1, 2), norm_eval=norm_eval).train()
    before = copy.deepcopy(backbone.state_dict())
    backbone(torch.randn(2, 3, 32, 32))
    kept = all(torch.equal(tensor, before[name]) for name, tensor in backbone.state_dict().items())
    assert kept == norm_eval


@pytest.mark.parametrize(("name", "trained"), [(PACKAGED_BACKBONE, "blocks.2."), ("resnet18", "layer2.")])
def test_frozen_levels_stay_and_deeper_ones_train(name: str, trained: str) -> None:
    backbone = TimmFeatures(name, (2,), frozen_levels=2).train()
    before = copy.deepcopy(backbone.network.state_dict())
    frozen = {key for key, parameter in backbone.network.named_parameters() if not parameter.requires_grad}
    backbone(torch.randn(2, 3, 32, 32))[0].sum().backward()
    for key, parameter in backbone.network.named_parameters():
        assert (parameter.grad is not None) == key.startswith(trained), key
    changed = {key for key, tensor in backbone.network.state_dict().items() if not torch.equal(tensor, before[key])}
    layers = {key.rpartition(".")[0] for key in frozen}
    assert any(key.startswith(trained) for key in changed)
    assert not {key for key in changed if key.rpartition(".")[0] in layers}


@pytest.mark.parametrize(
    ("name", "levels"), [("resnet18", (1, 2, 4)), ("convnext_atto", (0, 1, 3)), ("vgg11", (2, 3, 5))]
)
def test_levels_are_found_by_their_strides(name: str, levels: tuple[int, ...]) -> None:
    assert levels_of_strides(name, (4, 8, 32)) == levels


def test_models_without_a_pyramid_are_refused() -> None:
    with pytest.raises(RecipeError, match="strides 4, 8, but those of vit_tiny_patch16_224 are 16, 16, 16"):
        levels_of_strides("vit_tiny_patch16_224", (4, 8))


def test_transformers_take_images_of_any_size() -> None:
    features = TimmFeatures("swin_tiny_patch4_window7_224", (0, 3)).eval()(torch.zeros(1, 3, 96, 160))
    assert [tuple(feature.shape) for feature in features] == [(1, 96, 24, 40), (1, 768, 3, 5)]


@pytest.mark.parametrize("name", ["resnet18", "convnext_atto", PACKAGED_BACKBONE])
def test_checkpointed_activations_give_the_same_gradients(name: str) -> None:
    gradients, saved = [], []
    for is_checkpointed in (False, True):
        torch.manual_seed(0)
        backbone = TimmFeatures(name, (1, 2), activation_checkpointing=is_checkpointed).train()
        count = 0

        def note(tensor: torch.Tensor) -> torch.Tensor:
            nonlocal count
            count += 0 if isinstance(tensor, nn.Parameter) else tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            output = backbone(torch.randn(2, 3, 64, 64))[-1]
        output.square().sum().backward()
        gradients.append([p.grad for p in backbone.parameters() if p.grad is not None])
        saved.append(count)
    assert saved[1] < 0.8 * saved[0]
    for kept, computed in zip(*gradients, strict=True):
        torch.testing.assert_close(kept, computed, rtol=1e-3, atol=1e-4)


def test_what_timm_cannot_checkpoint_is_refused() -> None:
    with pytest.raises(RecipeError, match="activation_checkpointing cannot be used with coat_tiny"):
        TimmFeatures("coat_tiny", (0,), activation_checkpointing=True)
