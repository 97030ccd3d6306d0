"""The job as a user runs it; what it does is tested in tests/orchestration/test_run_status.py."""

from pathlib import Path

import numpy as np

from tests.evaluation.scenes import random_truth
from tests.orchestration.job import run_job
from tests.orchestration.recorded_runs import begin_run


def test_a_run_is_told_and_what_is_none_is_refused(tmp_path: Path) -> None:
    begin_run(tmp_path / "run", random_truth(np.random.default_rng(0)))
    status, output, errors = run_job("status", "run", folder=tmp_path)
    assert (status, errors) == (0, "")
    assert "Interrupted: training members; of 4 members 4 waiting." in output
    status, _, errors = run_job("status", "elsewhere", folder=tmp_path)
    assert status == 2
    assert "Error: elsewhere: there is no such folder" in errors
