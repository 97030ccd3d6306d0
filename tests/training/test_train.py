"""What the training entry does for every family alike, with the smallest of them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from recycle.data.coco import Dataset
from recycle.errors import DataError, NonFiniteLossError
from recycle.models.checkpoints import load_checkpoint
from recycle.training.schedules import learning_rate_factor
from recycle.training.train import train_member
from tests.training.conformance import MakeTask, breaking, ignore, task_maker

pytestmark = pytest.mark.training

YOLO = {"family": "yolov5", "size": "tiny", "image_size": 96}


@pytest.fixture
def make_task(sample: Dataset, tmp_path: Path) -> MakeTask:
    return task_maker(sample, tmp_path, YOLO)


def test_other_seed_gives_another_network(make_task: MakeTask) -> None:
    task = make_task("first", epochs=1)
    train_member(task, ignore)
    other = replace(make_task("other", epochs=1), seed=4)
    train_member(other, ignore)
    first, second = (load_checkpoint(t.last_checkpoint)["state_dict"] for t in (task, other))
    assert any(not torch.equal(first[name], second[name]) for name in first)


class Rates(Hook):
    """Notes the learning rate of each step."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        self.seen.append(runner.optim_wrapper.param_groups[0]["lr"])


@pytest.mark.parametrize("schedule", ["cosine", "step", "one_cycle"])
def test_the_learning_rate_follows_its_schedule_to_the_last_step(make_task: MakeTask, schedule: str) -> None:
    optimizer = {"type": "adamw", "lr": 1e-3, "schedule": schedule, "warmup_steps": 3}
    task, rates = make_task(epochs=3, batch_size=2, validate_every=3, optimizer=optimizer), Rates()
    train_member(task, ignore, watching=[rates])
    steps = 3 * 4
    expected = [1e-3 * learning_rate_factor(schedule, 3, step, steps) for step in range(steps)]
    assert rates.seen == pytest.approx(expected)
    assert rates.seen[-1] < 0.2 * max(rates.seen)


def test_broken_weights_are_never_saved(make_task: MakeTask) -> None:
    task = make_task(epochs=2, batch_size=8, optimizer=breaking(lr=1e20, weight_decay=1e30))
    with pytest.raises(NonFiniteLossError, match=r"the weights .* became NaN or infinite by step 1 \(epoch 1\)"):
        train_member(task, ignore)
    assert not task.last_checkpoint.exists()


def test_empty_training_part_is_refused(make_task: MakeTask) -> None:
    task = make_task()
    with pytest.raises(DataError, match="member: the training part of its fold holds no image"):
        train_member(replace(task, train=task.train.subset([])), ignore)
