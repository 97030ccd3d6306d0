import copy
from pathlib import Path
from typing import Any

import effdet
import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor

from recycle.models import mmcv_ops

mmcv_ops.install()

from mmdet.structures import DetDataSample  # noqa: E402 - mmdet imports mmcv's operators
from mmengine.structures import InstanceData  # noqa: E402

from recycle.models.efficientdet import EfficientDet  # noqa: E402
from recycle.models.families import build_model  # noqa: E402
from recycle.models.prerequisites import require_weights  # noqa: E402
from recycle.recipe import EfficientDet as EfficientDetSettings  # noqa: E402
from recycle.recipe.efficientdet import EFFICIENTDET_BACKBONES  # noqa: E402

CLASSES = 3
SIDE = 256


@pytest.fixture
def model() -> EfficientDet:
    torch.manual_seed(0)
    return EfficientDet("lite0", CLASSES)


def sample(boxes: list[list[float]], labels: list[int], height: int = SIDE, width: int = SIDE) -> DetDataSample:
    made = DetDataSample(metainfo={"img_shape": (height, width), "ori_shape": (height, width), "scale_factor": (1, 1)})
    made.gt_instances = InstanceData(
        bboxes=torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4), labels=torch.tensor(labels, dtype=torch.long)
    )
    return made


def truth() -> list[DetDataSample]:
    return [sample([[20, 40, 90, 200], [128, 16, 250, 60]], [0, 2]), sample([[64, 64, 96, 96]], [1])]


def bench(model: EfficientDet, task: str) -> Any:
    """effdet's own bench around the same weights, which knows images of one size only."""
    made = effdet.create_model(
        "tf_efficientdet_lite0",
        bench_task=task,
        num_classes=CLASSES,
        pretrained_backbone=False,
        image_size=(SIDE, SIDE),
        bench_labeler=True,
    )
    made.model.load_state_dict(model.state_dict())
    return made


def test_losses_are_those_of_effdets_bench(model: EfficientDet) -> None:
    images, samples = torch.randn(2, 3, SIDE, SIDE), truth()
    theirs = bench(model, "train")
    boxes = torch.tensor([[[40.0, 20, 200, 90], [16, 128, 60, 250]], [[64, 64, 96, 96], [0, 0, 0, 0]]])
    expected = theirs(images, {"bbox": boxes, "cls": torch.tensor([[1.0, 3.0], [2.0, -1.0]])})
    losses = model.loss(images, samples)
    torch.testing.assert_close(losses["loss_cls"], expected["class_loss"])
    torch.testing.assert_close(losses["loss_cls"] + losses["loss_box"], expected["loss"])


def test_a_batch_of_one_small_image_trains(model: EfficientDet) -> None:
    image, samples = torch.randn(1, 3, 128, 128), [sample([[20, 40, 90, 100]], [0], 128, 128)]
    model.train()
    alone = model.loss(image, samples)
    twice = model.loss(image.repeat(2, 1, 1, 1), samples * 2)
    torch.testing.assert_close(alone, twice)
    assert all(value.isfinite() for value in alone.values())


def test_predictions_are_those_of_effdets_bench(model: EfficientDet) -> None:
    model.eval()
    images = torch.randn(2, 3, SIDE, SIDE)
    with torch.no_grad():
        detections = bench(model, "predict").eval()(images)
        found = model.predict(images, [sample([], []), sample([], [])])
    for expected, result in zip(detections, found, strict=True):
        inside = expected[:, :4].clamp(0, SIDE)
        kept = (inside[:, 2:] > inside[:, :2]).all(dim=1) & (expected[:, 4] > 0.001)
        instances = result.pred_instances
        assert kept.any()
        torch.testing.assert_close(instances.bboxes, inside[kept])
        torch.testing.assert_close(instances.scores, expected[kept, 4])
        assert torch.equal(instances.labels, expected[kept, 5].long() - 1)


@pytest.mark.parametrize(("height", "width", "count"), [(128, 128, 3069), (128, 256, 6138), (384, 256, 18414)])
def test_a_network_without_opinions_predicts_its_anchors(
    model: EfficientDet, height: int, width: int, count: int
) -> None:
    with torch.no_grad():
        for head in (model.class_net, model.box_net):
            head.predict.conv_pw.weight.zero_()
            head.predict.conv_pw.bias.zero_()
        logits = model.class_net.predict.conv_pw.bias.view(-1, CLASSES)
        logits[:] = -20
        logits[0, 1] = 4  # the first anchor of each place: a square of three strides
        model.eval()
        (found,) = model.predict(torch.zeros(1, 3, height, width), [sample([], [], height, width)])
        levels, _ = model.forward(torch.zeros(1, 3, height, width), [])
    assert sum(level[0].numel() for level in levels) == count * CLASSES
    instances = found.pred_instances
    assert set(instances.labels.tolist()) == {1}
    torch.testing.assert_close(instances.scores, torch.full_like(instances.scores, 4.0).sigmoid())
    for left, top, right, bottom in instances.bboxes.tolist():
        assert any(_is_square_at(left, right, width, stride) for stride in (8, 16, 32, 64, 128))
        assert any(_is_square_at(top, bottom, height, stride) for stride in (8, 16, 32, 64, 128))
    assert instances.bboxes[:, 2].max() > 0.8 * width
    assert instances.bboxes[:, 3].max() > 0.8 * height


def _is_square_at(first: float, last: float, side: int, stride: int) -> bool:
    """Whether an edge is that of a square of three strides around a place of the grid, clipped to the image."""
    centres = [stride * (place + 0.5) for place in range(side // stride)]
    edges = [(max(0, centre - 1.5 * stride), min(side, centre + 1.5 * stride)) for centre in centres]
    return (round(first, 3), round(last, 3)) in edges


def test_images_without_boxes_only_train_the_classes(model: EfficientDet) -> None:
    losses = model.loss(torch.randn(2, 3, 128, 128), [sample([], []), sample([], [])])
    assert losses["loss_box"] == 0
    assert losses["loss_cls"] > 0
    torch.autograd.backward(losses["loss_cls"])
    assert all(bool(parameter.grad.isfinite().all()) for parameter in model.parameters() if parameter.grad is not None)


def test_predictions_are_in_pixels_of_the_original_image(model: EfficientDet) -> None:
    model.eval()
    image = torch.randint(0, 255, (3, 100, 120), dtype=torch.uint8)

    def boxes(scale: tuple[float, float]) -> Tensor:
        meta = {"img_shape": (100, 120), "ori_shape": (4000, 4000), "scale_factor": scale}
        with torch.no_grad():
            (found,) = model.test_step({"inputs": [image], "data_samples": [DetDataSample(metainfo=meta)]})
        return found.pred_instances.bboxes  # type: ignore[no-any-return]

    torch.testing.assert_close(boxes((0.5, 0.25)), boxes((1.0, 1.0)) * torch.tensor([2.0, 4.0, 2.0, 4.0]))


def test_the_packaged_backbone_is_loaded_and_its_shallow_levels_stay() -> None:
    settings = {"name": "m", "family": "efficientdet", "size": "lite0", "image_size": 128, "epochs": 1, "batch_size": 1}
    first, second = (build_model(EfficientDetSettings.model_validate(settings), CLASSES) for _ in range(2))
    theirs = second.state_dict()
    backbone = {name: tensor for name, tensor in first.state_dict().items() if name.startswith("backbone.")}
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in backbone.items())
    before = copy.deepcopy(backbone)
    first.train()
    losses = first.loss(torch.randn(2, 3, 128, 128), [sample([[10, 10, 90, 90]], [1])] * 2)
    torch.autograd.backward([losses["loss_cls"], losses["loss_box"]])
    frozen = [name for name, parameter in first.named_parameters() if parameter.grad is None]
    assert {name.split(".")[1] for name in frozen} == {"conv_stem", "bn1", "blocks"}
    assert {name.split(".")[2] for name in frozen if ".blocks." in name} == {"0", "1"}
    assert all(torch.equal(tensor, before[name]) for name, tensor in backbone.items())


def test_a_copy_predicts_alike(model: EfficientDet) -> None:
    """Averaged weights live in a copy of the model, which is made after it was used."""
    model.eval()
    images = torch.randn(1, 3, 128, 128)
    with torch.no_grad():
        (expected,) = model.predict(images, [sample([], [])])
        (found,) = copy.deepcopy(model).predict(images, [sample([], [])])
    torch.testing.assert_close(found.pred_instances.bboxes, expected.pred_instances.bboxes)


@pytest.mark.parametrize(
    ("size", "millions"),
    # https://github.com/rwightman/efficientdet-pytorch#models
    [
        ("lite0", 3.24),
        ("d0", 3.88),
        ("d1", 6.63),
        ("d2", 8.10),
        ("d3", 12.0),
        ("d4", 20.7),
        ("d5", 33.7),
        ("d6", 51.9),
        ("d7", 51.9),
    ],
)
def test_full_size_networks_have_as_many_parameters_as_published(size: str, millions: float) -> None:
    with torch.device("meta"):
        model = EfficientDet(size, num_classes=90)
    assert sum(parameter.numel() for parameter in model.parameters()) / 1e6 == pytest.approx(millions, rel=0.005)


@pytest.mark.parametrize("size", EFFICIENTDET_BACKBONES)
def test_backbones_are_those_of_effdet(size: str) -> None:
    assert effdet.get_efficientdet_config(f"tf_efficientdet_{size}").backbone_name == EFFICIENTDET_BACKBONES[size]


def d0(**changes: Any) -> EfficientDetSettings:
    settings = {"name": "m", "family": "efficientdet", "size": "d0", "image_size": 128, "epochs": 1, "batch_size": 1}
    return EfficientDetSettings.model_validate({**settings, **changes})


def test_imagenet_weights_are_taken_from_where_pytorch_keeps_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    file = tmp_path / "hub" / "checkpoints" / "tf_efficientnet_b0.safetensors"
    file.parent.mkdir(parents=True)
    weights = timm.create_model("tf_efficientnet_b0").state_dict()
    save_file(weights, file)
    assert require_weights(d0()) == file
    backbone = build_model(d0(), CLASSES).backbone.state_dict()
    assert all(torch.equal(tensor, weights[name]) for name, tensor in backbone.items())


def test_weights_published_by_effdet_load_but_for_the_head_of_other_classes(tmp_path: Path) -> None:
    path = tmp_path / "tf_efficientdet_d0.pth"
    published = effdet.create_model("tf_efficientdet_d0", pretrained_backbone=False).state_dict()
    torch.save(published, path)
    with pytest.warns(UserWarning, match=r"trained for other classes: class_net\.predict.conv_pw\.weight, class_net"):
        own = build_model(d0(pretrained=str(path)), CLASSES).state_dict()
    anew = [name for name in own if own[name].shape != published[name].shape]
    assert anew == ["class_net.predict.conv_pw.weight", "class_net.predict.conv_pw.bias"]
    assert all(torch.equal(own[name], published[name]) for name in own if name not in anew)
