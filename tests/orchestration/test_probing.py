"""The probe of a tiny model as a user starts it; Ray is really started."""

from pathlib import Path

import pytest

from tests.orchestration.job import run_job
from tests.recipes import EXAMPLE

pytestmark = pytest.mark.training

TINY = [
    "models.0.image_size=64",
    "models.0.batch_size=1",
    "models.0.phases=[{epochs: 1}, {epochs: 7, optimizer: {lr: 1e-4}}]",
    "models.1.image_size=64",
    "models.1.batch_size=1",
    "models.1.pretrained=/nowhere/weights.safetensors",
]


def test_probes_are_stored_and_used_by_the_plans_that_follow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    recipe = tmp_path / "example.yaml"
    recipe.write_text(EXAMPLE)
    arguments = ["--recipe", str(recipe), "--set", *TINY]
    status, told, errors = run_job("train_all", "--probe", *arguments, folder=tmp_path / "elsewhere")
    assert (status, errors.count("Error")) == (0, 0), errors
    # Both phases of the first model are equally fast.
    assert told.count(" s a step, ") == 2
    assert "cascade-rcnn, phase 1: " in told
    assert len(list((tmp_path / "caches" / "recycle" / "probes").glob("*.json"))) == 2
    status, planned, _ = run_job("train_all", "--plan", *arguments, folder=tmp_path / "elsewhere")
    assert status == 0
    assert "Measured on: " in planned
    assert "~" not in planned
    assert told.endswith(planned)
    assert not (tmp_path / "elsewhere" / "runs").exists()
