"""Dashboards of others: their servers really start and answer, on loopback."""

import signal
import socket
import subprocess
import urllib.request
from importlib.util import find_spec
from pathlib import Path

import pytest
from rich.console import Console

from recycle.errors import RecipeError, ResumeError
from recycle.orchestration.dashboards import PACKAGES, open_dashboards, tunnel
from recycle.orchestration.search import open_study
from recycle.paths import RunPaths
from recycle.recipe_yaml import write_recipe
from recycle.report.curves import Curves
from recycle.report.tensorboard import write_events
from tests.orchestration.job import start_job
from tests.recipes import example_recipe

ARE_INSTALLED = all(find_spec(module) for module in PACKAGES)


@pytest.fixture
def run(tmp_path: Path) -> RunPaths:
    paths = RunPaths(tmp_path / "run")
    write_recipe(example_recipe(), paths.recipe)
    open_study("training-yolov5", paths.training_journal)
    return paths


def test_the_tunnel_brings_every_port() -> None:
    assert tunnel([8080, 6006]) == f"ssh -N -L 8080:127.0.0.1:8080 -L 6006:127.0.0.1:6006 {socket.gethostname()}"


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ResumeError, match=r"there is no run in this folder, as recipe\.yaml is missing"):
        open_dashboards(tmp_path, 8080, Console())


@pytest.mark.skipif(ARE_INSTALLED, reason="the packages are installed")
def test_missing_packages_are_named(run: RunPaths) -> None:
    with pytest.raises(
        RecipeError,
        match="dashboards need optuna-dashboard and tensorboard: uv pip install optuna-dashboard tensorboard",
    ):
        open_dashboards(run.root, 8080, Console())


def test_curves_become_event_files_once(tmp_path: Path) -> None:
    curves = Curves({1: 2.0, 2: 1.0}, {1: 0.1, 2: 0.05}, {2: 0.3})
    for _ in range(2):
        write_events(curves, tmp_path / "member")
    (file,) = (tmp_path / "member").iterdir()
    content = file.read_bytes()
    assert all(name in content for name in (b"loss", b"learning_rate", b"mAP50"))


@pytest.mark.training
@pytest.mark.skipif(not ARE_INSTALLED, reason="needs the extra `dashboard`")
def test_the_servers_answer_and_end_with_the_job(run: RunPaths) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = start_job("dashboard", str(run.root), "--port", str(port), folder=run.root.parent / "elsewhere")
    lines = _until(process, "Ctrl-C ends them.")
    assert f"Search of training settings: http://127.0.0.1:{port}" in lines
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/studies") as answer:
        assert b"training-yolov5" in answer.read()
    with urllib.request.urlopen(f"http://127.0.0.1:{port + 1}/") as answer:
        assert b"TensorBoard" in answer.read()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/")


def _until(process: "subprocess.Popen[str]", last: str) -> list[str]:
    """Lines of a job's output up to this one."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.strip())
        if lines[-1] == last:
            break
    return lines
