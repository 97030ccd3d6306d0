"""Runs jobs as a user does: in a process of their own, from a folder that is not the repository."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

JOBS = Path(__file__).parents[2] / "jobs"

TINY = [
    "data.synthetic.images=24",
    "data.synthetic.image_size=96",
    "data.test_fraction=0.25",
    "models.0.image_size=96",
    "models.0.epochs=5",
    "models.1.image_size=96",
    "models.1.epochs=5",
    "fusion.trials=3",
]
"""Changes the demo recipe so that all of it takes seconds."""


def start_job(name: str, *arguments: str, folder: Path) -> subprocess.Popen[str]:
    """Starts a job from a copy outside the repository, which is what `ray submit` makes of it."""
    folder.mkdir(parents=True, exist_ok=True)
    script = shutil.copy(JOBS / f"{name}.py", folder)
    return subprocess.Popen(
        [sys.executable, script, *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run_job(name: str, *arguments: str, folder: Path) -> tuple[int, str, str]:
    """Runs a job to its end; gives its exit status, standard output and standard error."""
    process = start_job(name, *arguments, folder=folder)
    output, errors = process.communicate(timeout=600)
    return process.returncode, output, errors


def train_tiny(
    run_dir: Path, *arguments: str, changes: list[str] | None = None, is_demo: bool = True
) -> subprocess.Popen[str]:
    """Starts the tiny demo, or the demo recipe with the changes alone."""
    return start_job(
        "train_all",
        "--run-dir",
        str(run_dir),
        *arguments,
        "--set",
        *(TINY if is_demo else []),
        *(changes or []),
        folder=run_dir.parent / "elsewhere",
    )


def copy_run(run: Path, copy: Path) -> None:
    """Copies a run folder; checkpoints, which are large and never written in place, are the same files in both."""
    shutil.copytree(run, copy, copy_function=_link_or_copy)


def wait_for(condition: Callable[[], Any], process: subprocess.Popen[str], what: str) -> Any:
    """Waits until a condition holds, and gives what it gave; fails if the process ends before."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        if result := condition():
            return result
        if process.poll() is not None:
            raise AssertionError(f"the job ended before {what}: {process.communicate()}")
        time.sleep(0.02)
    raise AssertionError(f"waited in vain until {what}")


def training_processes(process: subprocess.Popen[str]) -> list[int]:
    """Ids of the processes that train for a job."""
    return ray_processes(process.pid, "ray::TrainActor.run")


def ray_processes(pid: int, title: str) -> list[int]:
    """Ids of the processes of such a title in the Ray sessions that a process started."""
    return [descendant for descendant in _descendants(pid) if _command(descendant).startswith(title)]


def read_json(path: Path) -> Any:
    """The content of a JSON file."""
    return json.loads(path.read_text())


def kill(pid: int) -> None:
    """Kills without warning."""
    os.kill(pid, signal.SIGKILL)


def _link_or_copy(source: str, copy: str) -> None:
    (os.link if source.endswith(".pth") else shutil.copy2)(source, copy)


def _descendants(pid: int) -> list[int]:
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int(folder.joinpath("stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue
        parents.setdefault(parent, []).append(int(folder.name))
    found, frontier = [], [pid]
    while frontier:
        children = parents.get(frontier.pop(), [])
        found += children
        frontier += children
    return found


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""
