import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from recycle.models.checkpoints import load_checkpoint

JOB = Path(__file__).parents[2] / "jobs" / "convert_weights.py"


class Marking:
    """Makes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self._mark,)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "in.pt"
    torch.save({"model": nn.Linear(2, 1), "train_args": Marking(tmp_path / "executed")}, path)
    return path


def convert(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, JOB, *arguments], capture_output=True, text=True, check=False)


def test_a_file_is_opened_only_when_it_is_said_to_be_trusted(checkpoint: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.safetensors"
    refused = convert(str(checkpoint), str(target))
    assert refused.returncode == 2
    assert "executes whatever it holds" in refused.stderr
    assert "--i-trust-this-file" in refused.stderr
    assert not (tmp_path / "executed").exists()
    assert not target.exists()

    done = convert(str(checkpoint), str(target), "--i-trust-this-file")
    assert done.returncode == 0, done.stderr
    assert f"pretrained: {target}" in done.stdout.replace("\n", "")
    assert (tmp_path / "executed").exists()
    assert set(load_checkpoint(target)["state_dict"]) == {"network.weight", "network.bias"}
