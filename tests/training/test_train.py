"""What every family must do in training; each really trains, at tiny size."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from recycle.data.coco import Dataset, read_coco
from recycle.data.synthetic import write_synthetic
from recycle.errors import DataError, NonFiniteLossError
from recycle.inference.predict import predict
from recycle.models.checkpoints import load_checkpoint
from recycle.recipe import Model, Optimizer
from recycle.recipe_yaml import load_recipe
from recycle.training.member import MemberTask
from recycle.training.progress import Progress
from recycle.training.train import load_member, train_member

pytestmark = pytest.mark.training

SIZE = 96


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("sample")
    write_synthetic(folder, images=12, image_size=SIZE, seed=1)
    return read_coco(folder / "annotations.json", folder)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def ignore(progress: Progress) -> None:
    """Reports go nowhere."""


class FamilyTraining:
    """The conformance suite: a family inherits it and says which model of the demo recipe is its own."""

    position: int

    @pytest.fixture
    def make_task(self, sample: Dataset, tmp_path: Path) -> Callable[..., MemberTask]:
        def make(name: str = "member", **changes: object) -> MemberTask:
            changes = {"image_size": SIZE, "epochs": 2, "validate_every": 1, **changes}
            demo = load_recipe("demo").models[self.position]
            settings: Model = demo.model_validate({**demo.model_dump(), **changes})
            ids = [image.id for image in sample.images]
            return MemberTask(name, settings, sample.subset(ids[:8]), sample.subset(ids[8:]), tmp_path / name, seed=3)

        return make

    def test_loss_falls_by_half_on_eight_images(self, make_task: Callable[..., MemberTask]) -> None:
        losses: list[float] = []
        task = make_task(epochs=24, validate_every=24, batch_size=4, augmentations=[{"type": "resize"}])
        train_member(task, lambda progress: losses.append(progress.loss))
        assert min(losses[-6:]) < losses[0] / 2

    def test_resumed_training_ends_like_an_undisturbed_one(self, make_task: Callable[..., MemberTask]) -> None:
        whole = make_task("whole", epochs=3)
        train_member(whole, ignore)
        interrupted = make_task("interrupted", epochs=3)

        def stop_in_second_epoch(progress: Progress) -> None:
            if progress.epoch == 2:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            train_member(interrupted, stop_in_second_epoch)
        assert load_checkpoint(interrupted.last_checkpoint)["meta"]["epoch"] == 1
        train_member(interrupted, ignore)
        expected = load_checkpoint(whole.last_checkpoint)["state_dict"]
        resumed = load_checkpoint(interrupted.last_checkpoint)["state_dict"]
        assert expected.keys() == resumed.keys()
        assert all(torch.equal(expected[name], resumed[name]) for name in expected)

    def test_other_seed_gives_another_network(self, make_task: Callable[..., MemberTask]) -> None:
        task = make_task("first", epochs=1)
        train_member(task, ignore)
        other = replace(make_task("other", epochs=1), seed=4)
        train_member(other, ignore)
        first, second = (load_checkpoint(t.last_checkpoint)["state_dict"] for t in (task, other))
        assert any(not torch.equal(first[name], second[name]) for name in first)

    def test_predictions_are_boxes_inside_their_images(self, make_task: Callable[..., MemberTask]) -> None:
        task = make_task()
        train_member(task, ignore)
        predictions = predict(load_member(task), task.validation, image_size=SIZE, batch_size=3, name="model")
        assert predictions.models == ("model",)
        assert predictions.coverage[0].tolist() == [image.id for image in task.validation.images]
        assert len(predictions) > 0
        assert predictions.boxes.min() >= 0
        assert predictions.boxes.max() <= SIZE
        assert predictions.labels.max() < len(task.train.categories)

    def test_best_and_last_checkpoints_are_kept(self, make_task: Callable[..., MemberTask]) -> None:
        task = make_task()
        train_member(task, ignore)
        assert load_checkpoint(task.last_checkpoint)["meta"]["epoch"] == 2
        assert "optimizer" not in load_checkpoint(task.best_checkpoint)
        assert not list(task.work_dir.glob("*.tmp"))

    def test_broken_loss_names_the_step_and_keeps_the_last_good_checkpoint(
        self, make_task: Callable[..., MemberTask]
    ) -> None:
        # One step an epoch: the first loss is that of a sound network, the second that of an exploded one.
        task = make_task(epochs=6, batch_size=8, validate_every=6, optimizer=_breaking(lr=1e17))
        with pytest.raises(
            NonFiniteLossError, match=r"member: the loss became (nan|inf) at step 2 \(epoch 2\)"
        ) as error:
            train_member(task, ignore)
        assert str(error.value).endswith("the last good checkpoint is member/last.pth")
        assert load_checkpoint(task.last_checkpoint)["meta"]["epoch"] == 1

    def test_broken_weights_are_never_saved(self, make_task: Callable[..., MemberTask]) -> None:
        task = make_task(epochs=2, batch_size=8, optimizer=_breaking(lr=1e20, weight_decay=1e30))
        with pytest.raises(NonFiniteLossError, match=r"the weights .* became NaN or infinite by step 1 \(epoch 1\)"):
            train_member(task, ignore)
        assert not task.last_checkpoint.exists()

    def test_empty_training_part_is_refused(self, make_task: Callable[..., MemberTask]) -> None:
        task = make_task()
        with pytest.raises(DataError, match="member: the training part of its fold holds no image"):
            train_member(replace(task, train=task.train.subset([])), ignore)

    def test_images_without_boxes_train(self, make_task: Callable[..., MemberTask]) -> None:
        task = make_task(epochs=1)
        empty = replace(task.train, annotations=())
        train_member(replace(task, train=empty), ignore)
        assert task.last_checkpoint.is_file()


def _breaking(lr: float, weight_decay: float = 0.0) -> dict[str, object]:
    """An optimiser that breaks any network at its first step."""
    optimizer = Optimizer(
        type="sgd", lr=lr, weight_decay=weight_decay, warmup_steps=0, clip_grad_norm=1e30, schedule="constant"
    )
    return optimizer.model_dump()


class TestCascadeRCNN(FamilyTraining):
    position = 0


class TestYOLOv5(FamilyTraining):
    position = 1
