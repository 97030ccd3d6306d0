"""What all tests share."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

from recycle.environment import keep_private
from recycle.paths import RunPaths
from tests.orchestration.job import copy_run, train_tiny

# Set before torch and Ray are imported: two cores do not bear a thread pool in every process.
os.environ.setdefault("OMP_NUM_THREADS", "1")
keep_private()

# A busy machine is slow now and then, which says nothing about the code.
settings.register_profile("recycle", deadline=None, derandomize=True)
settings.load_profile("recycle")


@pytest.fixture(scope="session")
def quiet_run(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> RunPaths:
    """A run that nobody disturbs, trained once for all of pytest's processes, each of which has a copy."""
    own = RunPaths(tmp_path_factory.mktemp("quiet") / "run")
    shared = tmp_path_factory.getbasetemp()
    if worker_id != "master":
        shared = shared.parent
    trained = RunPaths(shared / "trained" / "run")
    with FileLock(shared / "trained.lock"):
        if not trained.results.is_file():
            process = train_tiny(trained.root)
            output, errors = process.communicate(timeout=600)
            assert process.returncode == 0, output + errors
    copy_run(trained.root, own.root)
    return own


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary folder of the test's own, as `TMPDIR` names it."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield folder
    monkeypatch.undo()
    tempfile.tempdir = None
