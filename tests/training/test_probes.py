import os
from pathlib import Path
from typing import Any

import pytest

from recycle.errors import DataError
from recycle.training.probes import Probe, read_probe, speed_digest, write_probe
from tests.orchestration.plans import model_with

PROBE = Probe("NVIDIA V100", 0.25, 7.5)


def test_a_probe_is_read_as_it_was_written(tmp_path: Path) -> None:
    model = model_with()
    assert read_probe(model, tmp_path / "absent") is None
    path = write_probe(PROBE, model, tmp_path)
    assert path.name.endswith("-NVIDIA-V100.json")
    assert read_probe(model, tmp_path) == PROBE
    assert read_probe(model_with(1), tmp_path) is None


def test_the_latest_of_several_devices_is_read(tmp_path: Path) -> None:
    model = model_with()
    first = write_probe(PROBE, model, tmp_path)
    second = write_probe(Probe("CPU", 9.0, 1.0), model, tmp_path)
    os.utime(first, (1, 1))
    assert read_probe(model, tmp_path) == Probe("CPU", 9.0, 1.0)
    os.utime(second, (0, 0))
    assert read_probe(model, tmp_path) == PROBE


@pytest.mark.parametrize(
    ("changes", "is_another"),
    [
        ({"name": "other"}, False),
        ({"folds": [1]}, False),
        ({"epochs": 99}, False),
        ({"pretrained": "none"}, False),
        ({"tta": {"scales": [1, 2]}}, False),
        ({"optimizer": {"type": "adamw", "lr": 0.5}}, False),
        ({"optimizer": {"type": "sgd"}}, True),
        ({"image_size": 64}, True),
        ({"batch_size": 2}, True),
        ({"backbone": "resnet50"}, True),
        ({"multi_scale": {}}, True),
        ({"resources": {"num_cpus": 2}}, True),
        ({"resources": {"num_gpus": 1}}, True),
    ],
)
def test_what_decides_the_speed_of_a_model(changes: dict[str, Any], is_another: bool) -> None:
    assert (speed_digest(model_with(**changes)) != speed_digest(model_with())) == is_another


@pytest.mark.parametrize("content", ["[]", '{"device": "x"}', "no JSON"])
def test_a_file_that_is_no_probe_is_named(tmp_path: Path, content: str) -> None:
    path = write_probe(PROBE, model_with(), tmp_path)
    path.write_text(content)
    with pytest.raises(DataError, match=f"^{path}: "):
        read_probe(model_with(), tmp_path)
