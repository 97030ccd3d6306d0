import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from recycle.errors import WeightsError
from recycle.models.prerequisites import missing_masks, require_weights
from recycle.models.weights import ADDRESSES
from tests.data.small_dataset import dataset_of
from tests.models.openmmlab.settings import parse

FAMILIES = ["cascade_rcnn", "detectors", "mask_rcnn_swin", "dino", "atss"]
SCRIPT = """
import sys
from pydantic import TypeAdapter
from recycle.models.prerequisites import require_weights
from recycle.errors import WeightsError
from recycle.recipe import Model

model = {"name": "m", "family": "dino", "backbone": "swin_l", "image_size": 64, "epochs": 1, "batch_size": 1}
try:
    require_weights(TypeAdapter(Model).validate_python(model))
except WeightsError:
    sys.exit(3 if "torch" in sys.modules or "mmengine" in sys.modules else 0)
sys.exit(4)
"""


@pytest.fixture(autouse=True)
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where weights lie, which cannot be fetched."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for backbone in ADDRESSES:
        monkeypatch.setitem(ADDRESSES, backbone, f"http://127.0.0.1:9/{backbone}.pth")
    return tmp_path / "hub" / "checkpoints"


@pytest.mark.parametrize("family", FAMILIES)
def test_missing_weights_are_named_before_anything_is_built(family: str, hub: Path) -> None:
    backbone = "swin_l" if family == "mask_rcnn_swin" else "resnet50"
    with pytest.raises(WeightsError, match=str(hub / f"{backbone}.pth")):
        require_weights(parse(family, backbone=backbone, pretrained="imagenet"))


@pytest.mark.parametrize("family", FAMILIES)
def test_weights_that_are_installed_or_not_wanted_need_no_file(family: str) -> None:
    assert require_weights(parse(family, backbone="efficientnet_lite0", pretrained="imagenet")) is None
    assert require_weights(parse(family, pretrained="none")) is None


def test_weights_that_are_there_are_opened(hub: Path) -> None:
    hub.mkdir(parents=True)
    file = hub / "swin_t.pth"
    torch.save({"model": {"norm.weight": torch.ones(1)}}, file)
    settings = parse("mask_rcnn_swin", pretrained="imagenet")
    assert require_weights(settings) == file
    file.write_bytes(b"damaged")
    with pytest.raises(WeightsError, match="not a readable checkpoint"):
        require_weights(settings)


def test_boxes_in_place_of_masks_are_counted() -> None:
    data = dataset_of([[0, 1], [1]], classes=2)
    polygon = [[1.0, 1.0, 6.0, 1.0, 1.0, 6.0]]
    first, *others = data.annotations
    partly = replace(data, annotations=(replace(first, segmentation=polygon), *others))
    line = "2 of 3 annotations have no mask; their boxes are used as masks"
    assert missing_masks(parse("mask_rcnn_swin"), partly) == [line]
    assert missing_masks(parse("cascade_rcnn"), partly) == []
    assert missing_masks(parse("mask_rcnn_swin"), replace(partly, annotations=partly.annotations[:1])) == []


def test_missing_weights_are_found_missing_without_pytorch(tmp_path: Path) -> None:
    environment = {"TORCH_HOME": str(tmp_path), "https_proxy": "http://127.0.0.1:9", "PYTHONPATH": ":".join(sys.path)}
    result = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, check=False, capture_output=True)
    assert result.returncode == 0, result.stderr.decode()
