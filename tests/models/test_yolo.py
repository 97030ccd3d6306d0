import builtins
import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from recycle.errors import RecipeError
from recycle.models import mmcv_ops

mmcv_ops.install()

from mmdet.registry import MODELS  # noqa: E402 - mmdet imports mmcv's operators
from mmdet.structures import DetDataSample  # noqa: E402
from mmdet.structures.bbox import HorizontalBoxes  # noqa: E402
from mmengine.logging import MessageHub  # noqa: E402
from mmengine.structures import InstanceData  # noqa: E402
from torch import nn  # noqa: E402

from recycle.models.cost import YOLO_COST  # noqa: E402
from recycle.models.yolo import YOLO, yolo_preprocessor  # noqa: E402
from recycle.models.yolo_networks import build_network  # noqa: E402
from recycle.recipe.yolo import YOLO_SIZES, YOLOFamily  # noqa: E402
from tests.models.extras import require_ultralytics  # noqa: E402

SIDE = 96
CLASSES = 3
BUILDS = [
    ("tiny", "packaged", "yolov5"),
    ("tiny", "none", "yolov5"),
    ("n", "none", "yolov5"),
    ("n", "none", "yolov8"),
    ("t", "none", "yolov9"),
    ("n", "none", "yolov10"),
    ("n", "none", "yolo11"),
    ("n", "none", "yolo12"),
    ("n", "none", "yolo26"),
]


@pytest.fixture(params=BUILDS, ids="-".join)
def model(request: pytest.FixtureRequest) -> YOLO:
    return _build(*request.param)


def _build(size: str, pretrained: str = "none", family: str = "yolov5", **settings: Any) -> YOLO:
    require_ultralytics()
    torch.manual_seed(0)
    return YOLO(family, size, CLASSES, pretrained, **settings)


def _sample(boxes: list[list[float]], labels: list[int], **meta: Any) -> DetDataSample:
    sample = DetDataSample(
        metainfo={"img_shape": (SIDE, SIDE), "ori_shape": (SIDE, SIDE), "scale_factor": (1.0, 1.0), **meta}
    )
    sample.gt_instances = InstanceData(
        bboxes=torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4), labels=torch.tensor(labels, dtype=torch.long)
    )
    return sample


def _squares(count: int) -> tuple[Tensor, list[DetDataSample]]:
    """Images (count, 3, SIDE, SIDE) in 0..255 of one square each, whose colour is its class."""
    generator = torch.Generator().manual_seed(0)
    images = torch.full((count, 3, SIDE, SIDE), 60.0)
    samples = []
    for index in range(count):
        left, top = torch.randint(2, 50, (2,), generator=generator).tolist()
        side = int(torch.randint(20, 40, (1,), generator=generator))
        images[index, index % CLASSES, top : top + side, left : left + side] = 230
        samples.append(_sample([[left, top, left + side, top + side]], [index % CLASSES]))
    return images, samples


def _losses(model: YOLO, images: Tensor, samples: list[DetDataSample]) -> dict[str, Tensor]:
    data = model.data_preprocessor({"inputs": list(images), "data_samples": samples}, training=True)
    return model(**data, mode="loss")  # type: ignore[no-any-return]


def _total(losses: dict[str, Tensor]) -> Any:
    return torch.stack(list(losses.values())).sum()


def _predictions(model: YOLO, images: Tensor, samples: list[DetDataSample]) -> list[DetDataSample]:
    model.eval()
    with torch.no_grad():
        return model.test_step({"inputs": list(images), "data_samples": samples})  # type: ignore[no-any-return]


def test_losses_are_finite_and_gradients_reach_the_backbone(model: YOLO) -> None:
    images, samples = _squares(2)
    losses = _losses(model, images, samples)
    assert list(losses) == ["loss_box", "loss_cls", "loss_dfl" if model.network.model[-1].reg_max > 1 else "loss_l1"]
    _total(losses).backward()
    for name, loss in losses.items():
        assert loss.shape == ()
        assert torch.isfinite(loss)
        assert loss > 0, name
    trained = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    for name, parameter in trained:
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
    first = trained[0][1].grad
    assert first is not None
    assert first.abs().sum() > 0


def test_images_without_boxes_only_train_the_classes(model: YOLO) -> None:
    images, _ = _squares(2)
    box, classes, distances = _losses(model, images, [_sample([], []), _sample([], [])]).values()
    assert box == 0
    assert distances == 0
    assert torch.isfinite(classes)
    assert classes > 0


def test_losses_are_those_of_ultralytics_for_an_image_of_the_batch() -> None:
    model = _build("n").eval()
    model.network.model[-1].training = True  # raw outputs, and batch statistics that stay
    inputs = torch.rand(2, 3, 96, 128)
    samples = [_sample([[16.0, 24.0, 48.0, 72.0], [64.0, 0.0, 128.0, 96.0]], [1, 2]), _sample([[0, 0, 32, 48]], [0])]
    batch = {
        "img": inputs,
        "bboxes": torch.tensor([[0.25, 0.5, 0.25, 0.5], [0.75, 0.5, 0.5, 1.0], [0.125, 0.25, 0.25, 0.5]]),
        "cls": torch.tensor([[1.0], [2.0], [0.0]]),
        "batch_idx": torch.tensor([0.0, 0.0, 1.0]),
    }
    expected, _ = model.network.loss(batch)
    found = torch.stack(list(model(inputs, samples, mode="loss").values()))
    torch.testing.assert_close(found * 2, expected)


class SquaredError(nn.Module):
    """A classification loss that ultralytics does not have."""

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        return (logits.sigmoid() - targets) ** 2


@pytest.mark.parametrize("family", ["yolov5", "yolov10"])
def test_another_classification_loss_takes_the_place_of_cross_entropy(family: str) -> None:
    MODELS.register_module(module=SquaredError, force=True)
    images, _ = _squares(1)
    samples = [_sample([], [])]
    inputs = images / 255
    model = _build("n", family=family, loss_cls={"type": "SquaredError"}).eval()
    model.network.model[-1].training = True
    raw = model.network(inputs)
    weights = {"one2many": 0.8, "one2one": 0.2} if family == "yolov10" else {}
    branches = [(weight, raw[name]) for name, weight in weights.items()] or [(1.0, raw)]
    # Without a box every target is 0 and the sum of targets counts as 1.
    expected = 0.5 * sum(weight * branch["scores"].sigmoid().square().sum() for weight, branch in branches)
    torch.testing.assert_close(model.loss(inputs, samples)["loss_cls"], expected)


@pytest.mark.parametrize(("epoch", "one_to_many"), [(0, 0.8), (1, 0.45), (2, 0.1)])
def test_the_weight_of_a_double_head_shifts_with_the_epochs(epoch: int, one_to_many: float) -> None:
    progress = MessageHub.get_instance(f"shift-{epoch}")
    progress.update_info("epoch", epoch)
    progress.update_info("max_epochs", 3)
    criterion = _build("n", family="yolo26")._criterion(torch.zeros((1, 1), dtype=torch.bool))
    assert criterion.o2m == pytest.approx(one_to_many)
    assert criterion.o2o == pytest.approx(1 - one_to_many)


def test_box_types_of_mmdet_are_taken() -> None:
    model = _build("tiny").eval()
    model.network.model[-1].training = True
    images, samples = _squares(1)
    inputs = images / 255
    plain = model.loss(inputs, samples)
    samples[0].gt_instances.bboxes = HorizontalBoxes(samples[0].gt_instances.bboxes)
    boxed = model.loss(inputs, samples)
    for name, loss in plain.items():
        torch.testing.assert_close(boxed[name], loss)


def test_predictions_are_boxes_inside_the_image(model: YOLO) -> None:
    images, _ = _squares(2)
    samples = [_sample([], [], ori_shape=(60, 90)), _sample([], [], ori_shape=(90, 60))]
    for sample in _predictions(model, images, samples):
        found = sample.pred_instances
        height, width = sample.ori_shape
        assert 0 < len(found) <= 100
        assert (found.bboxes[:, :2] >= 0).all()
        assert (found.bboxes[:, 2:] > found.bboxes[:, :2]).all()
        assert (found.bboxes[:, 2] <= width).all()
        assert (found.bboxes[:, 3] <= height).all()
        assert (found.scores[:-1] >= found.scores[1:]).all()
        assert ((found.scores > 0) & (found.scores <= 1)).all()
        assert ((found.labels >= 0) & (found.labels < CLASSES)).all()
        assert found.labels.dtype == torch.long


def test_predictions_are_in_pixels_of_the_original_image() -> None:
    model = _build("tiny", "packaged")
    images, _ = _squares(1)
    (same,) = _predictions(model, images, [_sample([], [], ori_shape=(4000, 4000))])
    (halved,) = _predictions(model, images, [_sample([], [], ori_shape=(4000, 4000), scale_factor=(0.5, 0.25))])
    expected = same.pred_instances.bboxes * torch.tensor([2.0, 4.0, 2.0, 4.0])
    torch.testing.assert_close(halved.pred_instances.bboxes, expected)


def test_any_image_size_is_padded_to_the_stride(model: YOLO) -> None:
    image = torch.zeros(3, 70, 100)
    sample = _sample([[10.0, 10.0, 40.0, 40.0]], [1], img_shape=(70, 100), ori_shape=(70, 100))
    data = model.data_preprocessor({"inputs": [image], "data_samples": [sample]}, training=True)
    assert data["inputs"].shape == (1, 3, 96, 128)
    assert all(torch.isfinite(loss) for loss in model(**data, mode="loss").values())


@pytest.mark.parametrize(
    ("size", "lowest", "highest", "padding"), [("n", 0.0, 1.0, 114 / 255), ("tiny", -1.0, 1.0, 0.0)]
)
def test_pixels_reach_the_network_in_its_range(size: str, lowest: float, highest: float, padding: float) -> None:
    preprocessor = MODELS.build(yolo_preprocessor(size))
    image = torch.zeros(3, 32, 20, dtype=torch.uint8)
    image[0] = 255
    inputs = preprocessor({"inputs": [image], "data_samples": [_sample([], [])]})["inputs"][0]
    assert inputs.shape == (3, 32, 32)
    torch.testing.assert_close(inputs[:, 0, 0], torch.tensor([lowest, lowest, highest]))
    torch.testing.assert_close(inputs[:, 0, -1], torch.full((3,), padding))


@pytest.mark.parametrize(("family", "size"), [("yolov5", "tiny"), ("yolov5", "n"), ("yolo26", "n")])
def test_state_dict_round_trip(family: str, size: str, tmp_path: Path) -> None:
    images, samples = _squares(1)
    model = _build(size, family=family).eval()
    path = tmp_path / "model.pth"
    torch.save(model.state_dict(), path)
    twin = YOLO(family, size, CLASSES)
    twin.load_state_dict(torch.load(path, weights_only=True))
    (expected,) = _predictions(model, images, copy.deepcopy(samples))
    (found,) = _predictions(twin, images, copy.deepcopy(samples))
    torch.testing.assert_close(found.pred_instances.bboxes, expected.pred_instances.bboxes)
    torch.testing.assert_close(found.pred_instances.scores, expected.pred_instances.scores)


def test_init_weights_leaves_the_pretrained_backbone_alone() -> None:
    model = _build("tiny", "packaged")
    before = copy.deepcopy(model.state_dict())
    model.init_weights()
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0, msg=name)


def test_tiny_does_not_depend_on_what_was_built_before() -> None:
    """ultralytics keeps the head's layout in a class attribute that each build of another model sets."""
    require_ultralytics()
    from ultralytics.nn.modules import Detect

    names = list(_build("tiny").state_dict())
    Detect.legacy = not Detect.legacy
    assert list(_build("tiny").state_dict()) == names


def test_backbone_weights_of_a_network_without_their_backbone_are_refused() -> None:
    with pytest.raises(RecipeError, match="Only size=tiny of yolov5 takes backbone weights"):
        YOLO("yolov5", "n", CLASSES, "packaged")


@pytest.mark.parametrize("size", ["tiny", "n"])
def test_without_ultralytics_the_extra_and_its_licence_are_named(size: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def without_ultralytics(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.partition(".")[0] == "ultralytics":
            raise ModuleNotFoundError("No module named 'ultralytics'")
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_ultralytics)
    with pytest.raises(RecipeError, match=r"AGPL-3\.0.*uv pip install ultralytics"):
        YOLO("yolov5", size, CLASSES)


@pytest.mark.training
@pytest.mark.parametrize(("size", "pretrained"), [("tiny", "packaged"), ("n", "none")])
def test_overfits_eight_images(size: str, pretrained: str) -> None:
    model = _build(size, pretrained).train()
    optimiser = torch.optim.AdamW([parameter for parameter in model.parameters() if parameter.requires_grad], lr=2e-3)
    images, samples = _squares(8)
    totals = []
    for _ in range(30):
        total = _total(_losses(model, images, samples))
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
        totals.append(float(total.detach()))
    assert sum(totals[-3:]) < 0.5 * sum(totals[:3]), totals


@pytest.mark.parametrize(("family", "size"), [(family, size) for family in YOLO_SIZES for size in YOLO_SIZES[family]])
def test_every_size_of_a_recipe_is_one_that_ultralytics_ships(family: YOLOFamily, size: str) -> None:
    require_ultralytics()
    from ultralytics.nn.tasks import yaml_model_load

    if size != "tiny":
        layout = yaml_model_load(f"{family}{size}.yaml")
        assert size in layout.get("scales", {size: ()})
        assert layout["head"][-1][2] in ("Detect", "v10Detect")
        assert YOLO_COST[family][size] > 0


@pytest.mark.training
@pytest.mark.parametrize(
    ("family", "millions"),
    [
        # https://docs.ultralytics.com/models/yolov5/
        ("yolov5", {"n": 2.6, "s": 9.1, "m": 25.1, "l": 53.2, "x": 97.2}),
        # ultralytics/cfg/models/11/yolo11.yaml
        ("yolo11", {"n": 2.624, "s": 9.459, "m": 20.115, "l": 25.372, "x": 56.966}),
    ],
)
def test_full_size_networks_have_as_many_parameters_as_published(family: str, millions: dict[str, float]) -> None:
    require_ultralytics()
    for size, published in millions.items():
        network = build_network(family, size, 80, "none")
        count = sum(parameter.numel() for parameter in network.parameters())
        assert count / 1e6 == pytest.approx(published, abs=0.1), size
