"""What several tests look at, and none changes."""

import pytest

from recycle.paths import RunPaths
from tests.orchestration.job import train_tiny


@pytest.fixture(scope="session")
def quiet_run(tmp_path_factory: pytest.TempPathFactory) -> RunPaths:
    """A run that nobody disturbs."""
    paths = RunPaths(tmp_path_factory.mktemp("quiet") / "run")
    process = train_tiny(paths.root)
    output, errors = process.communicate(timeout=600)
    assert process.returncode == 0, output + errors
    return paths
