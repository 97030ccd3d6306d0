"""The objective on several processes of real Ray, against the one in this process."""

import os
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from recycle.errors import RecipeError, ResourceError
from recycle.fusion.methods import FusionSettings
from recycle.fusion.objective import FusionObjective
from recycle.fusion.selection import select_greedily
from recycle.fusion.settings import DEFAULTS, EnsembleSettings
from recycle.orchestration.cluster import connected
from recycle.orchestration.sharded_objective import RESTARTS, ShardedObjective
from recycle.predictions.values import Predictions, concatenate
from recycle.recipe.fusion import Metric
from tests.fusion.scenes import MODELS, alternating_folds, random_models
from tests.orchestration.job import kill, ray_processes

pytestmark = pytest.mark.training

SETTINGS = [
    DEFAULTS,
    EnsembleSettings(FusionSettings(0.4, 0.01, (3, 1, 2), "max")),
    EnsembleSettings(FusionSettings(0.6, 0.05, (2, 0, 1)), "isotonic"),
    EnsembleSettings(FusionSettings(0.5, 0.01, (0, 0, 1)), "temperature"),
    EnsembleSettings(FusionSettings(0.5, 0.01, (1, 2, 0), method="nms"), "isotonic"),
    EnsembleSettings(FusionSettings(skip_box_thr=1.0)),
]


@pytest.fixture(scope="module", autouse=True)
def ray_runs() -> Iterator[None]:
    with connected():
        yield


def pair(metric: Metric, shards: int) -> tuple[FusionObjective, ShardedObjective]:
    """Some images have no box of any model, and one no box of some model."""
    predictions, truth = random_models()
    with_boxes = predictions.of_images(np.setdiff1d(predictions.covered, [0, 5, 23]))
    thinned = [Predictions.empty(MODELS, [np.array([image])] * 3) for image in (0, 5, 23)]
    arguments = concatenate([with_boxes, *thinned]), truth, alternating_folds(truth), metric
    return FusionObjective(*arguments), ShardedObjective(*arguments, shards)


@pytest.mark.parametrize(("metric", "shards"), [("map50", 2), ("map", 1)])
def test_it_does_what_one_process_does(metric: Metric, shards: int) -> None:
    one, sharded = pair(metric, shards)
    assert sharded.models == one.models == MODELS
    for settings in [*SETTINGS, *SETTINGS]:
        assert sharded(settings) == pytest.approx(one(settings), abs=1e-9)
    selection, expected = select_greedily(sharded), select_greedily(one)
    assert selection.names == expected.names
    assert selection.scores == pytest.approx(expected.scores, abs=1e-9)
    with pytest.raises(RecipeError, match=r"^weights must be one for each of 3 models"):
        sharded(EnsembleSettings(FusionSettings(weights=(1, 2))))


def test_a_killed_process_is_replaced_until_it_was_too_often() -> None:
    one, sharded = pair("map50", 1)
    calibrated = SETTINGS[2]
    for _ in range(RESTARTS + 1):
        assert sharded(calibrated) == pytest.approx(one(calibrated), abs=1e-9)
        kill_the_shard()
    with pytest.raises(ResourceError, match=f"died after {RESTARTS} others in its place"):
        sharded(calibrated)


def shard_processes() -> set[int]:
    return set(ray_processes(os.getpid(), "ray::Shard"))


def kill_the_shard() -> None:
    """Kills the youngest, as those of other tests may not have ended yet."""
    kill(max(shard_processes()))


def test_its_processes_end_when_it_is_closed_whoever_still_knows_it() -> None:
    others = shard_processes()
    _, sharded = pair("map50", 2)
    sharded(DEFAULTS)
    own = shard_processes() - others
    assert len(own) == 2
    sharded.close()
    deadline = time.monotonic() + 60
    while left := own & shard_processes():
        assert time.monotonic() < deadline, f"{left} outlived their end"
        time.sleep(0.1)


@pytest.mark.parametrize("shards", [0, 10_000])
def test_more_shards_than_cores_are_refused(shards: int) -> None:
    predictions, truth = random_models()
    arguments: Any = predictions, truth, alternating_folds(truth), "map50", shards
    with pytest.raises(ResourceError, match=f"shards must be between 1 and .* but got shards={shards}"):
        ShardedObjective(*arguments)
