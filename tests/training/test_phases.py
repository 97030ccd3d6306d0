"""Trainings of several phases, interrupted anywhere; each really trains, at tiny size."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from recycle.data.coco import Dataset
from recycle.errors import LeavingError, NonFiniteLossError
from recycle.models.checkpoints import load_checkpoint
from recycle.training.member import MemberTask
from recycle.training.phase import remaining_phases
from recycle.training.progress import Progress
from recycle.training.train import load_member, train_member
from tests.training.conformance import ADAMW, MakeTask, breaking, ignore, task_maker

pytestmark = pytest.mark.training

YOLO = {"family": "yolov5", "size": "tiny", "image_size": 64, "batch_size": 2, "validate_every": 9}
EVERYTHING: dict[str, Any] = {
    "accumulate": 3,
    "multi_scale": {"min": 0.5, "max": 1.5},
    "optimizer": {**ADAMW, "lookahead": True},
    "phases": [
        {"epochs": 2, "averaging": {"type": "ema", "decay": 0.8, "warmup_steps": 2}},
        {
            "epochs": 2,
            "optimizer": {"type": "adamp", "lr": 5e-4, "schedule": "one_cycle"},
            "losses": {"classification": [{"type": "focal"}], "balance_classes": True},
            "augmentations": [{"type": "resize"}, {"type": "vertical_flip"}],
            "averaging": {"type": "swa", "start": 0},
            "multi_scale": None,
        },
    ],
}
"""Four steps an epoch, with accumulation of three: an update of the weights is due within and at the end of epochs."""


@pytest.fixture(scope="module")
def make_task(sample: Dataset, tmp_path_factory: pytest.TempPathFactory) -> MakeTask:
    return task_maker(sample, tmp_path_factory.mktemp("members"), YOLO)


@pytest.fixture(scope="module")
def whole(make_task: MakeTask) -> tuple[MemberTask, list[Progress]]:
    """A training that nothing disturbed, and what it reported."""
    reports: list[Progress] = []
    task = make_task("whole", epochs=4, **EVERYTHING)
    train_member(task, reports.append)
    return task, reports


def test_a_training_that_leaves_its_machine_amid_every_epoch_ends_like_an_undisturbed_one(
    whole: tuple[MemberTask, list[Progress]], make_task: MakeTask
) -> None:
    task = make_task("leaving", epochs=4, **EVERYTHING)
    left, steps = [load_meta(task)], Steps()
    while left[-1] != {"phase": 1, "epoch": 2, "iter": 8}:
        with suppress(LeavingError):
            train_member(task, ignore, watching=[steps], is_leaving=lambda: True)
        left.append(load_meta(task))
    # Weights move at the third and at the last of four steps: it leaves at the third. No step is taken twice.
    assert [(meta["phase"], meta["iter"]) for meta in left[1:]] == [(0, 3), (0, 7), (1, 3), (1, 7), (1, 8)]
    assert steps.count == 16
    assert are_equal(state_of(task), state_of(whole[0]))


def test_what_leaves_says_where_it_was(make_task: MakeTask) -> None:
    task = make_task("left", epochs=4, **EVERYTHING)
    with pytest.raises(LeavingError, match=r"its machine is about to go, and last.pth holds step 3$"):
        train_member(task, ignore, is_leaving=lambda: True)
    assert load_meta(task) == {"phase": 0, "epoch": 0, "iter": 3}


class Steps(Hook):
    """Counts steps."""

    count = 0

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        self.count += 1


def load_meta(task: MemberTask) -> dict[str, int]:
    """Which step a checkpoint is of."""
    if not task.last_checkpoint.is_file():
        return {}
    meta = load_checkpoint(task.last_checkpoint)["meta"]
    return {name: meta[name] for name in ("phase", "epoch", "iter")}


def state_of(task: MemberTask) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = load_checkpoint(task.last_checkpoint)["state_dict"]
    return state


def are_equal(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("epoch", [2, 3, 4])
def test_a_training_resumed_in_any_phase_ends_like_an_undisturbed_one(
    make_task: MakeTask, whole: tuple[MemberTask, list[Progress]], epoch: int
) -> None:
    task = make_task(f"interrupted-{epoch}", epochs=4, **EVERYTHING)

    def stop(progress: Progress) -> None:
        if progress.epoch == epoch:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_member(task, stop)
    train_member(task, ignore)
    assert are_equal(state_of(task), state_of(whole[0]))


def test_progress_counts_over_all_phases(whole: tuple[MemberTask, list[Progress]]) -> None:
    reports = whole[1]
    assert {(report.epochs, report.steps) for report in reports} == {(4, 16)}
    assert [report.epoch for report in reports] == sorted(report.epoch for report in reports)
    last = {report.epoch: report for report in reports}
    assert {epoch: report.step for epoch, report in last.items()} == {1: 4, 2: 8, 3: 12, 4: 16}
    assert last[4].seconds_left == 0


def test_a_finished_training_has_no_phase_left(whole: tuple[MemberTask, list[Progress]]) -> None:
    assert list(remaining_phases(whole[0])) == []


def test_predictions_come_from_the_average_not_the_last_weights(whole: tuple[MemberTask, list[Progress]]) -> None:
    checkpoint = load_checkpoint(whole[0].last_checkpoint)
    last = {name.removeprefix("module."): tensor for name, tensor in checkpoint["ema_state_dict"].items()}
    last.pop("steps")
    loaded = load_member(whole[0]).state_dict()
    assert are_equal(loaded, checkpoint["state_dict"])
    assert not are_equal(loaded, last)
    assert "ema_state_dict" not in load_checkpoint(whole[0].best_checkpoint)


def test_a_phase_begins_where_the_one_before_ended(make_task: MakeTask) -> None:
    still = {"type": "sgd", "lr": 1e-20, "momentum": 0, "weight_decay": 0, "warmup_steps": 0, "schedule": "constant"}
    first = make_task("first", epochs=1)
    train_member(first, ignore)
    both = make_task("both", epochs=2, phases=[{"epochs": 1}, {"epochs": 1, "optimizer": still}])
    train_member(both, ignore)
    trained = [name for name, _ in load_member(both).named_parameters()]
    states = state_of(first), state_of(both)
    assert are_equal(*({name: state[name] for name in trained} for state in states))
    optimizer = load_checkpoint(both.last_checkpoint)["optimizer"]
    assert optimizer["param_groups"][0]["lr"] == 1e-20


def test_a_model_without_phases_is_one_phase_of_its_own_settings(make_task: MakeTask) -> None:
    plain, phased = make_task("plain", epochs=2), make_task("phased", epochs=2, phases=[{"epochs": 2}])
    train_member(plain, ignore)
    train_member(phased, ignore)
    assert are_equal(state_of(plain), state_of(phased))


def test_a_loss_that_breaks_in_a_later_phase_is_told_by_its_place_in_all(make_task: MakeTask) -> None:
    phases = [{"epochs": 1}, {"epochs": 2, "optimizer": breaking(lr=1e17)}]
    task = make_task("breaking", epochs=3, batch_size=8, phases=phases)
    with pytest.raises(NonFiniteLossError, match=r"the loss became (nan|inf) at step 3 \(epoch 3\)"):
        train_member(task, ignore)
    checkpoint = load_checkpoint(task.last_checkpoint)
    assert (checkpoint["meta"]["phase"], checkpoint["meta"]["epoch"]) == (1, 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"multi_scale": {"min": 0.5, "max": 1.5}},
        {"accumulate": 4},
        {"precision": "bf16"},
        {"averaging": {"type": "ema", "decay": 0.9}},
        {"averaging": {"type": "swa", "start": 0}},
        {"losses": {"classification": [{"type": "focal"}]}},
        {"losses": {"balance_classes": True}},
    ],
    ids=str,
)
def test_every_setting_changes_what_is_learned(make_task: MakeTask, plain: MemberTask, changes: dict[str, Any]) -> None:
    task = make_task("-".join(changes), epochs=2, **changes)
    train_member(task, ignore)
    assert not are_equal(state_of(task), state_of(plain))


@pytest.fixture(scope="module")
def plain(make_task: MakeTask) -> MemberTask:
    """The same training without special settings."""
    task = make_task("settings-apart", epochs=2)
    train_member(task, ignore)
    return task


def test_a_member_of_all_images_is_trained_without_validation(make_task: MakeTask, tmp_path: Path) -> None:
    from dataclasses import replace

    task = make_task("all", epochs=1)
    whole_data = replace(task, validation=task.validation.subset([]))
    reports: list[Progress] = []
    train_member(whole_data, reports.append)
    assert task.last_checkpoint.is_file()
    assert not task.best_checkpoint.exists()
    assert reports[-1].score < 0
