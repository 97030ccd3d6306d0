import dataclasses
from pathlib import Path

import pytest

from recycle.errors import ResourceError
from recycle.orchestration.disk import require_disk
from recycle.paths import RunPaths
from recycle.storage import Storage
from recycle.training.member import StoredRun
from tests.orchestration.plans import plan_of


def test_what_fits_is_accepted(tmp_path: Path) -> None:
    require_disk([], RunPaths(tmp_path))
    require_disk([plan_of("a")], RunPaths(tmp_path))


def test_checkpoints_that_cannot_fit_are_told_before_anything_trains(tmp_path: Path) -> None:
    greedy = dataclasses.replace(plan_of("a"), checkpoints=10**9)
    with pytest.raises(ResourceError, match=r"of 2 members need about .* GiB, but .* GiB are free; the recipe's"):
        require_disk([greedy, greedy], RunPaths(tmp_path))


def test_what_goes_to_a_storage_needs_no_disk_here(tmp_path: Path) -> None:
    stored = StoredRun(Storage(str(tmp_path)), tmp_path)
    require_disk([dataclasses.replace(plan_of("a"), checkpoints=10**9, stored=stored)], RunPaths(tmp_path))
