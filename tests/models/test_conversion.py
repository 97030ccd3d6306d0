from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from recycle.errors import WeightsError
from recycle.models.checkpoints import load_checkpoint, load_matching_weights
from recycle.models.conversion import convert_ultralytics
from recycle.models.yolo import YOLO
from tests.models.extras import require_ultralytics

require_ultralytics()
COCO_CLASSES = 80


def ultralytics_file(folder: Path, layout: str) -> tuple[Path, Any]:
    """A checkpoint as ultralytics itself writes it, of a random network, and what ultralytics reads from it."""
    import ultralytics

    torch.manual_seed(5)
    path = folder / "weights.pt"
    ultralytics.YOLO(f"{layout}.yaml").save(path)
    network = ultralytics.YOLO(path).model
    return path, network.float().eval()


def raw_scores(network: Any, images: Tensor) -> Tensor:
    with torch.no_grad():
        decoded: Tensor = network(images)[0]
    return decoded


@pytest.mark.parametrize(("family", "size"), [("yolov5", "n"), ("yolo26", "n")])
def test_converted_weights_give_ultralytics_outputs(family: str, size: str, tmp_path: Path) -> None:
    source, theirs = ultralytics_file(tmp_path, f"{family}{size}")
    target = tmp_path / "converted" / "weights.safetensors"
    ours = YOLO(family, size, COCO_CLASSES)
    assert convert_ultralytics(source, target) == len(ours.state_dict())
    assert load_matching_weights(ours, target) == []
    images = torch.rand(2, 3, 64, 96)
    torch.testing.assert_close(raw_scores(ours.eval().network, images), raw_scores(theirs, images))


def test_a_head_for_other_classes_is_left_out_and_told(tmp_path: Path) -> None:
    source, theirs = ultralytics_file(tmp_path, "yolov5n")
    target = tmp_path / "weights.safetensors"
    convert_ultralytics(source, target)
    ours = YOLO("yolov5", "n", 3)
    left_out = load_matching_weights(ours, target)
    head = len(theirs.model) - 1
    assert left_out
    assert all(name.startswith(f"network.model.{head}.cv3.") for name in left_out)
    expected, own = theirs.state_dict(), ours.network.state_dict()
    loaded = [name for name in own if f"network.{name}" not in left_out]
    assert all(torch.equal(own[name], expected[name]) for name in loaded)
    assert len(loaded) == len(own) - len(left_out)


def test_the_averaged_weights_are_taken(tmp_path: Path) -> None:
    averaged, last = nn.Linear(2, 1).half(), nn.Linear(2, 1)
    source, target = tmp_path / "last.pt", tmp_path / "last.safetensors"
    torch.save({"ema": averaged, "model": last}, source)
    assert convert_ultralytics(source, target) == 2
    tensors = load_checkpoint(target)["state_dict"]
    assert tensors["network.weight"].dtype == torch.float32
    assert torch.equal(tensors["network.weight"], averaged.weight.float())


@pytest.mark.parametrize(
    ("content", "target", "message"),
    [
        ({"ema": None, "model": {"weight": torch.ones(1)}}, "out.safetensors", "must hold a network under 'ema'"),
        ([1], "out.safetensors", "must hold a network under 'ema'"),
        ({"model": nn.Linear(1, 1)}, "out.pt", r"out\.pt: the converted weights must be a \.safetensors file"),
        (None, "out.safetensors", r"in\.pt: there is no such checkpoint"),
        (b"damaged", "out.safetensors", r"in\.pt: cannot be unpickled: UnpicklingError: "),
    ],
)
def test_what_cannot_be_converted_is_refused(tmp_path: Path, content: Any, target: str, message: str) -> None:
    source = tmp_path / "in.pt"
    if isinstance(content, bytes):
        source.write_bytes(content)
    elif content is not None:
        torch.save(content, source)
    with pytest.raises(WeightsError, match=message):
        convert_ultralytics(source, tmp_path / target)
    assert not (tmp_path / target).exists()
