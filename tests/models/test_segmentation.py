"""Networks that label pixels: every architecture, encoders and their weights, UNet 3+."""

from pathlib import Path
from typing import Any, get_args

import pytest
import segmentation_models_pytorch as smp
import torch
from pydantic import TypeAdapter, ValidationError
from safetensors.torch import save_file
from torch import Tensor

from recycle.errors import RecipeError, WeightsError
from recycle.models import mmcv_ops
from recycle.models.encoders import encoder_mean_std, published_weights
from recycle.models.families import build_model
from recycle.models.prerequisites import require_weights
from recycle.models.segmentation import build_network
from recycle.models.unet3plus import UNet3Plus
from recycle.predictions.probabilities import IGNORED
from recycle.recipe import SMP, Model
from recycle.recipe.segmentation import Architecture

mmcv_ops.install()

from mmdet.structures import DetDataSample  # noqa: E402 - mmdet imports mmcv's operators
from mmengine.structures import PixelData  # noqa: E402

CLASSES = 3
ARCHITECTURES = [*smp.MODEL_ARCHITECTURES_MAPPING, "unet3plus"]


def settings(**changes: Any) -> SMP:
    base = {"name": "m", "family": "smp", "image_size": 64, "epochs": 1, "batch_size": 2, "pretrained": "none"}
    model: Model = TypeAdapter(Model).validate_python({**base, **changes})
    assert isinstance(model, SMP)
    return model


def batch(images: int, height: int = 60, width: int = 50) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(0)
    samples = [
        DetDataSample(
            metainfo={"img_shape": (height, width)},
            gt_sem_seg=PixelData(sem_seg=torch.randint(0, CLASSES + 1, (1, height, width), generator=generator)),
        )
        for _ in range(images)
    ]
    pixels = [torch.randint(0, 256, (3, height, width), generator=generator, dtype=torch.uint8) for _ in samples]
    return {"inputs": pixels, "data_samples": samples}


def test_every_architecture_of_smp_has_its_name() -> None:
    assert sorted(get_args(Architecture)) == sorted(ARCHITECTURES)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_learns_and_gives_each_pixel_probabilities(architecture: str) -> None:
    changes = {"encoder": "tu-vit_tiny_patch16_224"} if architecture == "dpt" else {}
    side = 128 if architecture == "pan" else 64
    model = build_model(settings(architecture=architecture, image_size=side, **changes), CLASSES)
    model.train()
    # A single image is harder: maps that are pooled to one pixel have no statistics.
    data = model.data_preprocessor(batch(1, side - 4, side - 14), training=True)
    losses = model(**data, mode="loss")
    torch.autograd.backward(list(losses.values()))
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)
    model.eval()
    with torch.no_grad():
        (found,) = model.test_step(batch(1, side - 4, side - 14))
    probabilities = found.pred_sem_seg.probabilities
    assert probabilities.shape == (CLASSES + 1, side - 4, side - 14)
    torch.testing.assert_close(probabilities.sum(dim=0), torch.ones(side - 4, side - 14))


def test_padding_is_ignored() -> None:
    model = build_model(settings(), CLASSES)
    data = model.data_preprocessor(batch(2), training=True)
    labels = data["data_samples"][0].gt_sem_seg.sem_seg
    assert data["inputs"].shape == (2, 3, 64, 64)
    assert (labels[:, 60:] == IGNORED).all()
    assert (labels[..., 50:] == IGNORED).all()
    assert (labels[:, :60, :50] < IGNORED).all()


def test_class_weights_reach_the_loss_with_one_more_for_the_background() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        plain = build_model(settings(), CLASSES).eval()
        weighed = build_model(settings(), CLASSES, class_weights=(2.0, 2.0, 2.0)).eval()
        weighed.load_state_dict(plain.state_dict())
        data = plain.data_preprocessor(batch(2), training=True)
        for sample in data["data_samples"]:
            sample.gt_sem_seg.sem_seg[sample.gt_sem_seg.sem_seg == 0] = 1
        first, second = (float(model.loss(**data)["loss_0_cross_entropy"].detach()) for model in (plain, weighed))
    assert second == pytest.approx(2 * first)


def test_the_packaged_encoder_comes_with_its_weights() -> None:
    first, second = (build_model(settings(pretrained="imagenet"), CLASSES).state_dict() for _ in range(2))
    encoder = [name for name in first if name.startswith("network.encoder.")]
    assert encoder
    assert all(torch.equal(first[name], second[name]) for name in encoder)
    assert require_weights(settings(pretrained="imagenet")) is None


def test_weights_of_smps_encoders_are_taken_from_where_pytorch_keeps_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    file = tmp_path / "hub" / "checkpoints" / "smp-hub-resnet18.imagenet.safetensors"
    file.parent.mkdir(parents=True)
    theirs = smp.encoders.get_encoder("resnet18", weights=None).state_dict()
    save_file(theirs, file)
    wanted = settings(encoder="resnet18", pretrained="imagenet")
    assert require_weights(wanted) == file
    own = build_model(wanted, CLASSES).state_dict()
    assert all(torch.equal(own[f"network.encoder.{name}"], tensor) for name, tensor in theirs.items())
    save_file({"other": torch.zeros(1)}, file)
    with pytest.raises(WeightsError, match="these weights are not of the encoder resnet18: Missing key"):
        build_model(wanted, CLASSES)


def test_where_weights_are_published() -> None:
    found = published_weights("se_resnext101_32x4d")
    assert found.address.startswith("https://huggingface.co/smp-hub/se_resnext101_32x4d.imagenet/resolve/")
    assert found.file_name == "smp-hub-se_resnext101_32x4d.imagenet.safetensors"


@pytest.mark.parametrize(
    ("encoder", "mean"),
    [("resnet18", 123.675), ("xception", 127.5), ("tu-resnet18", 123.675), ("efficientnet_lite0", 127.5)],
)
def test_pixels_are_normalised_as_for_the_encoders_weights(encoder: str, mean: float) -> None:
    assert encoder_mean_std(encoder)[0][0] == pytest.approx(mean)


@pytest.mark.parametrize(
    ("architecture", "encoder", "message"),
    [
        ("fpn", "resnet19", "The encoder must be efficientnet_lite0, 'tu-' and a model of timm, or one of"),
        ("fpn", "tu-resnet19", "must be a timm model"),
        ("deeplabv3", "tu-swin_tiny_patch4_window7_224", "architecture deeplabv3 cannot be built on the encoder"),
    ],
)
def test_encoders_that_do_not_exist_or_fit_are_named(architecture: str, encoder: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        build_network(architecture, encoder, 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": "dpt"}, "encoder of dpt must be 'tu-' and a vision transformer of timm"),
        ({"architecture": "pan"}, "image_size of pan must be at least 128, but got 64"),
        ({"augmentations": [{"type": "resize"}, {"type": "mixup"}]}, "augmentations must be without 'mixup'"),
        ({"losses": {"box": "giou"}}, "losses.box cannot be set"),
        ({"losses": {"classification": [{"type": "focal"}]}}, "losses.classification cannot be set"),
        (
            {"losses": {"pixels": [{"type": "lovasz"}], "balance_classes": True}},
            "losses.pixels must hold more than 'lovasz'",
        ),
        ({"architecture": "unet4"}, "Input should be 'unet'"),
    ],
)
def test_impossible_settings_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        settings(**changes)


def test_detectors_have_no_losses_of_pixels() -> None:
    detector = {"name": "m", "family": "yolov5", "size": "tiny", "image_size": 64, "epochs": 1, "batch_size": 1}
    with pytest.raises(ValidationError, match=r"losses\.pixels cannot be set, as family 'yolov5' finds boxes"):
        TypeAdapter(Model).validate_python({**detector, "losses": {"pixels": [{"type": "dice"}]}})


def unet3plus(encoder: str = "resnet18") -> UNet3Plus:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return UNet3Plus(smp.encoders.get_encoder(encoder, weights=None), classes=2, branch_channels=8)


@pytest.mark.parametrize("encoder", ["resnet18", "tu-convnext_atto"])
def test_unet3plus_gives_logits_of_every_stage_while_training(encoder: str) -> None:
    network, images = unet3plus(encoder), torch.randn(2, 3, 64, 96)
    outputs = network.train()(images)
    levels = 5 if encoder == "resnet18" else 4
    assert [one.shape for one in outputs] == [(2, 2, 64, 96)] * levels
    assert network.eval()(images).shape == (2, 2, 64, 96)


def test_every_stage_of_unet3plus_sees_every_scale() -> None:
    network = unet3plus()
    stages: Any = network.stages
    branches = [[block[0].in_channels for block in stage.branches] for stage in stages]
    # Encoder maps up to the stage's own, decoded maps (5 branches of 8) below, and the encoder's deepest.
    assert branches == [
        [64, 40, 40, 40, 512],
        [64, 64, 40, 40, 512],
        [64, 64, 128, 40, 512],
        [64, 64, 128, 256, 512],
    ]


@pytest.mark.training
def test_unet3plus_overfits_eight_images() -> None:
    network = unet3plus("tu-resnet10t").train()
    images, labels = discs()
    optimizer = torch.optim.AdamW(network.parameters(), lr=4e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=4e-3, total_steps=30)
    for _ in range(30):
        losses = [torch.nn.functional.cross_entropy(one, labels) for one in network(images)]
        optimizer.zero_grad()
        torch.autograd.backward(losses)
        optimizer.step()
        schedule.step()
    network.eval()
    with torch.no_grad():
        predicted = network(images).argmax(dim=1)
    overlap = ((predicted == 1) & (labels == 1)).sum() / ((predicted == 1) | (labels == 1)).sum()
    assert overlap > 0.9


def discs() -> tuple[Tensor, Tensor]:
    """Eight noisy images of a disc each, and where it is."""
    generator = torch.Generator().manual_seed(0)
    rows, columns = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
    centres = torch.randint(16, 48, (8, 2), generator=generator)
    labels = torch.stack([((rows - y) ** 2 + (columns - x) ** 2 < 144).long() for y, x in centres.tolist()])
    return labels[:, None] + 0.3 * torch.randn(8, 3, 64, 64, generator=generator), labels
