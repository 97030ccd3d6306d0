import dataclasses
from pathlib import Path

import pytest

from recycle.errors import ResourceError
from recycle.models.size import predictions_gib
from recycle.orchestration.disk import require_disk
from recycle.paths import RunPaths
from recycle.recipe_yaml import load_recipe
from recycle.storage import Storage, StoredRun
from tests.data.small_dataset import dataset_of
from tests.data.test_statistics import prepared_of
from tests.orchestration.plans import plan_of

DATA = prepared_of(dataset_of([[0], [1], [0], [1]], classes=2))


def test_what_fits_is_accepted(tmp_path: Path) -> None:
    require_disk([], DATA, RunPaths(tmp_path))
    require_disk([plan_of("a")], DATA, RunPaths(tmp_path))


def test_checkpoints_that_cannot_fit_are_told_before_anything_trains(tmp_path: Path) -> None:
    greedy = dataclasses.replace(plan_of("a"), checkpoints=10**9)
    with pytest.raises(ResourceError, match=r"of 2 members need about .* GiB, but .* GiB are free; the recipe's"):
        require_disk([greedy, greedy], DATA, RunPaths(tmp_path))


def test_what_goes_to_a_storage_needs_no_disk_here(tmp_path: Path) -> None:
    stored = StoredRun(Storage(str(tmp_path)), tmp_path)
    require_disk([dataclasses.replace(plan_of("a"), checkpoints=10**9, stored=stored)], DATA, RunPaths(tmp_path))


def test_label_probabilities_count() -> None:
    model = load_recipe("segmentation-demo").models[0]
    side = model.label_map_size  # type: ignore[union-attr]
    assert predictions_gib(model, 2**20, 2**10) * 2**30 == side**2 * 2**30
    assert predictions_gib(load_recipe("demo").models[0], 2**20, 2**10) == 0
