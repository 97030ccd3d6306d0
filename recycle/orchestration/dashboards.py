"""Dashboards of others on what a run or a search has written: the function behind `jobs/dashboard.py`."""

import shlex
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console

from recycle.errors import RecipeError, ResourceError
from recycle.orchestration.member_names import folds_of, member_name
from recycle.orchestration.open_run import require_run
from recycle.paths import RunPaths
from recycle.recipe_yaml import load_recipe
from recycle.report.curves import read_curves
from recycle.report.tensorboard import write_events

LOOPBACK = "127.0.0.1"
RAY_PORT = 8265
SECONDS_TO_START = 60.0
PACKAGES = {"optuna_dashboard": "optuna-dashboard", "tensorboard": "tensorboard"}


@dataclass(frozen=True)
class Dashboard:
    """A server to start.

    Attributes:
        title: What it shows.
        port: Where it listens, on loopback.
        command: What starts it.
    """

    title: str
    port: int
    command: Sequence[str]

    @property
    def address(self) -> str:
        """For a browser on this machine."""
        return f"http://{LOOPBACK}:{self.port}"


def open_dashboards(root: Path, first_port: int, console: Console) -> None:
    """Starts a dashboard for each of the run's journals and TensorBoard for its curves; returns when interrupted.

    Args:
        root: Folder of a run or a search, finished or not.
        first_port: Where the first of them listens; the others take the ports after it.
        console: Where addresses are shown.

    Raises:
        RecipeError: If a package is not installed.
        ResumeError: If the folder holds no run.
        ResourceError: If a server does not start.
    """
    paths = RunPaths(root)
    require_run(paths)
    _require_packages()
    _write_curves(paths)
    dashboards = list(_dashboards(paths, first_port))
    with _started(dashboards):
        for dashboard in dashboards:
            console.print(f"{dashboard.title}: {dashboard.address}")
        console.print(f"Ray, while it runs here: http://{LOOPBACK}:{RAY_PORT}")
        console.print(f"From another machine, first: {tunnel([*(one.port for one in dashboards), RAY_PORT])}")
        console.print("Ctrl-C ends them.")
        while True:
            time.sleep(1)


def tunnel(ports: Sequence[int]) -> str:
    """The command that makes these ports of this machine those of another, where it is typed."""
    forwards = [part for port in ports for part in ("-L", f"{port}:{LOOPBACK}:{port}")]
    return shlex.join(["ssh", "-N", *forwards, socket.gethostname()])


def _require_packages() -> None:
    missing = [package for module, package in PACKAGES.items() if find_spec(module) is None]
    if missing:
        raise RecipeError(f"the dashboards need {' and '.join(missing)}: uv pip install {' '.join(missing)}")


def _dashboards(paths: RunPaths, first_port: int) -> Iterator[Dashboard]:
    port = first_port
    journals = {"Search of training settings": paths.training_journal, "Search of fusion": paths.fusion_journal}
    for title, journal in journals.items():
        if journal.is_file():
            options = ("--storage-class", "JournalFileStorage", "--host", LOOPBACK, "--port", str(port), "--quiet")
            yield Dashboard(title, port, [sys.executable, "-m", "optuna_dashboard._cli", str(journal), *options])
            port += 1
    logs = paths.search_logs if paths.search_logs.is_dir() else paths.event_files
    where = ("--logdir", str(logs), "--host", LOOPBACK, "--port", str(port))
    yield Dashboard("TensorBoard", port, [sys.executable, "-m", "tensorboard.main", *where])


def _write_curves(paths: RunPaths) -> None:
    """What members wrote down themselves, for TensorBoard; trials of a search have its event files already."""
    if paths.search_logs.is_dir():
        return
    recipe = load_recipe(str(paths.recipe.absolute()))
    for model in recipe.models:
        phases = [phase.epochs for phase in model.in_phases()]
        for name in (member_name(model, fold) for fold in folds_of(model, recipe)):
            write_events(read_curves(paths.member(0, name), phases), paths.event_files / name)


@contextmanager
def _started(dashboards: Sequence[Dashboard]) -> Iterator[None]:
    """Runs the servers while the block does."""
    with ExitStack() as stack:
        servers = [(dashboard, *stack.enter_context(_server(dashboard))) for dashboard in dashboards]
        for dashboard, process, output in servers:
            _await(dashboard, process, output)
        yield


@contextmanager
def _server(dashboard: Dashboard) -> Iterator[tuple["subprocess.Popen[bytes]", Path]]:
    """Runs a server, and gives its process and the file of its output."""
    with tempfile.NamedTemporaryFile() as output:
        process = subprocess.Popen(dashboard.command, stdout=output, stderr=output)  # noqa: S603 - our own command
        try:
            yield process, Path(output.name)
        finally:
            process.terminate()
            process.wait()


def _await(dashboard: Dashboard, process: "subprocess.Popen[bytes]", output: Path) -> None:
    """Waits until a server answers."""
    give_up = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < give_up and process.poll() is None:
        try:
            socket.create_connection((LOOPBACK, dashboard.port), timeout=1).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    said = output.read_text(errors="replace").strip().rpartition("\n")[2]
    raise ResourceError(f"{dashboard.title} did not start on port {dashboard.port}: {said or 'it says nothing'}")
