"""Several processes that train one member, on the CPU; Ray Train really starts them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray

from recycle.data.coco import read_coco
from recycle.data.folds import make_folds
from recycle.data.synthetic import write_synthetic
from recycle.errors import NonFiniteLossError
from recycle.orchestration.nodes import Claim
from recycle.orchestration.parallel import run_in_processes
from recycle.orchestration.progress_board import start_progress_board
from recycle.predictions.parquet import read_parquet
from recycle.training.member import MemberPlan, TrainingData
from tests.orchestration.plans import model_with

pytestmark = pytest.mark.training

SETTINGS: dict[str, Any] = {"image_size": 64, "epochs": 2, "batch_size": 4, "validate_every": 1, "pretrained": "none"}


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    ray.init(num_cpus=2, num_gpus=0, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> TrainingData:
    folder = tmp_path_factory.mktemp("sample")
    write_synthetic(folder, images=18, image_size=64, seed=2)
    whole = read_coco(folder / "annotations.json", folder)
    ids = [image.id for image in whole.images]
    train, test = whole.subset(ids[:16]), whole.subset(ids[16:])
    return TrainingData(train, test, make_folds(train, np.arange(16), 2, seed=0))


def plan_in(folder: Path, **changes: Any) -> MemberPlan:
    settings = model_with(1, **{**SETTINGS, **changes}, resources={"num_cpus": 2})
    return MemberPlan("m-fold0", settings, 0, 5, "key", folder / "m", folder / "oof.parquet", folder / "test.parquet")


def both_cores() -> Claim:
    return Claim(ray.get_runtime_context().get_node_id(), {"CPU": 2})


def test_two_processes_train_one_member_and_the_first_predicts(data: TrainingData, tmp_path: Path) -> None:
    board = start_progress_board()
    plan = plan_in(tmp_path)
    outcome = run_in_processes(plan, data, board, both_cores(), processes=2)
    assert outcome.checkpoint.is_file()
    assert plan.oof is not None
    inside = [image.id for image in data.train.images if data.folds.assignment[image.file_name] == 0]
    assert read_parquet(plan.oof).coverage[0].tolist() == inside
    assert read_parquet(plan.test).coverage[0].tolist() == [image.id for image in data.test.images]
    progress = ray.get(board.look.remote([]))["m-fold0"]
    # Eight images in batches of four, two for each process, are two steps an epoch.
    assert (progress.step, progress.steps) == (4, 4)


def test_what_a_process_raises_is_what_the_user_is_told(data: TrainingData, tmp_path: Path) -> None:
    breaking = {"type": "sgd", "lr": 1e17, "warmup_steps": 0, "clip_grad_norm": 1e30, "schedule": "constant"}
    with pytest.raises(NonFiniteLossError, match=r"m-fold0: the (loss|weights)"):
        run_in_processes(plan_in(tmp_path, optimizer=breaking), data, start_progress_board(), both_cores(), processes=2)
