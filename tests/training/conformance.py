"""The conformance suite: what every family must do in training; each really trains, at tiny size."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest
import torch
from mmengine.model import BaseModel
from pydantic import TypeAdapter, ValidationError

from recycle.data.coco import Dataset, Image
from recycle.errors import NonFiniteLossError
from recycle.inference.predict import predict
from recycle.models.checkpoints import load_checkpoint
from recycle.predictions.values import Predictions
from recycle.recipe import TTA, Model, Optimizer
from recycle.training.member import MemberTask
from recycle.training.progress import Progress
from recycle.training.train import load_member, train_member

MakeTask = Callable[..., MemberTask]
ADAMW = {
    "type": "adamw",
    "lr": 1e-3,
    "weight_decay": 0.01,
    "schedule": "cosine",
    "warmup_steps": 4,
    "clip_grad_norm": 10,
}


def ignore(progress: Progress) -> None:
    """Reports go nowhere."""


def parse_model(settings: Mapping[str, object]) -> Model:
    """A model as a recipe has it."""
    model: Model = TypeAdapter(Model).validate_python(settings)
    return model


def task_maker(sample: Dataset, folder: Path, settings: Mapping[str, object]) -> MakeTask:
    """Makes members that train on eight images of the sample, with some of the settings changed."""

    def make(name: str = "member", **changes: object) -> MemberTask:
        defaults = {"name": "model", "epochs": 2, "batch_size": 4, "validate_every": 1, "optimizer": ADAMW}
        model = parse_model({**defaults, **settings, **changes})
        ids = [image.id for image in sample.images]
        return MemberTask(name, model, sample.subset(ids[:8]), sample.subset(ids[8:]), folder / name, seed=3)

    return make


@pytest.mark.training
class FamilyTraining:
    """A family inherits it and says what makes a tiny model of it."""

    settings: ClassVar[Mapping[str, Any]]
    """`family`, `image_size` and whatever else the tiny model needs."""
    overfitting: ClassVar[Mapping[str, Any]] = {"epochs": 24}
    """What lets its loss fall by half on eight images."""
    breaking_lr: ClassVar[float] = 1e17
    """Learning rate with which the first step breaks it."""
    refused: ClassVar[Sequence[tuple[Mapping[str, Any], str]]]
    """Wrong settings and what the refusal says."""

    @pytest.fixture
    def make_task(self, sample: Dataset, tmp_path: Path) -> MakeTask:
        return task_maker(sample, tmp_path, self.settings)

    def test_loss_falls_by_half_on_eight_images(self, make_task: MakeTask) -> None:
        losses: list[float] = []
        settings = {"augmentations": [{"type": "resize"}], **self.overfitting}
        task = make_task(**settings, validate_every=settings["epochs"])
        train_member(task, lambda progress: losses.append(progress.loss))
        assert min(losses[-6:]) < losses[0] / 2

    def test_resumed_training_ends_like_an_undisturbed_one(self, make_task: MakeTask) -> None:
        whole, interrupted = make_task("whole"), make_task("interrupted")
        train_member(whole, ignore)

        def stop_in_second_epoch(progress: Progress) -> None:
            if progress.epoch == 2:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            train_member(interrupted, stop_in_second_epoch)
        assert load_checkpoint(interrupted.last_checkpoint)["meta"]["epoch"] == 1
        train_member(interrupted, ignore)
        expected, resumed = (load_checkpoint(task.last_checkpoint)["state_dict"] for task in (whole, interrupted))
        assert expected.keys() == resumed.keys()
        assert all(torch.equal(expected[name], resumed[name]) for name in expected)

    def test_trained_members_predict_and_leave_two_checkpoints(self, make_task: MakeTask) -> None:
        task = make_task()
        train_member(task, ignore)
        self.require_predictions(load_member(task), task)
        assert load_checkpoint(task.last_checkpoint)["meta"]["epoch"] == 2
        assert "optimizer" not in load_checkpoint(task.best_checkpoint)
        assert not list(task.work_dir.glob("*.tmp"))

    def require_predictions(self, network: BaseModel, task: MemberTask) -> None:
        """Boxes inside their images, whatever their size; families of another task predict something else."""
        predictions = predict(network, task.validation, task.settings)
        assert predictions.models == (task.settings.name,)
        assert predictions.coverage[0].tolist() == [image.id for image in task.validation.images]
        assert len(predictions) > 0
        assert predictions.boxes.min() >= 0
        assert predictions.boxes.max() <= max(image.width for image in task.validation.images)
        assert predictions.labels.max() < len(task.train.categories)
        require_boxes_in_pixels_of_the_original(network, task)

    def test_broken_loss_names_the_step_and_keeps_the_last_good_checkpoint(self, make_task: MakeTask) -> None:
        # One step an epoch: the first loss is that of a sound network, the second that of an exploded one.
        task = make_task(batch_size=8, validate_every=6, epochs=6, optimizer=breaking(lr=self.breaking_lr))
        with pytest.raises(
            NonFiniteLossError, match=r"member: the loss became (nan|inf) at step 2 \(epoch 2\)"
        ) as error:
            train_member(task, ignore)
        assert str(error.value).endswith("the last good checkpoint is member/last.pth")
        assert load_checkpoint(task.last_checkpoint)["meta"]["epoch"] == 1

    def test_images_without_boxes_train(self, make_task: MakeTask) -> None:
        task = make_task(epochs=1)
        empty = replace(task.train, annotations=())
        train_member(replace(task, train=empty), ignore)
        assert task.last_checkpoint.is_file()

    def test_wrong_settings_are_refused(self, make_task: MakeTask) -> None:
        for changes, message in self.refused:
            with pytest.raises(ValidationError, match=message):
                make_task(**changes)


def require_boxes_in_pixels_of_the_original(network: BaseModel, task: MemberTask) -> None:
    """Photographs so large that they are shrunk while they are read give the boxes of those that need no change."""
    side = task.settings.image_size
    exact, large = (enlarged(task.validation, side, times, task.work_dir / f"times {times}") for times in (1, 3))
    for flips in (("none",), ("none", "horizontal")):
        settings = task.settings.model_copy(update={"tta": TTA(flips=flips)})
        expected, found = predict(network, exact, settings), predict(network, large, settings)
        assert len(found) == pytest.approx(len(expected), rel=0.02)
        # Rounding may exchange the last of an image's boxes.
        assert (distances(found, expected, 1 / 3).min(axis=1) < 0.01).mean() > 0.98


def distances(first: Predictions, second: Predictions, scale: float) -> npt.NDArray[np.float64]:
    """How far sides of boxes lie apart, once the first are scaled, shape (m, n); infinitely of different objects."""
    apart = np.abs(first.boxes[:, None] * scale - second.boxes).max(axis=2)
    is_same = (first.image_ids[:, None] == second.image_ids) & (first.labels[:, None] == second.labels)
    return np.where(is_same & (np.abs(first.scores[:, None] - second.scores) < 1e-4), apart, np.inf)


def enlarged(dataset: Dataset, side: int, times: int, folder: Path) -> Dataset:
    """Square photographs of a side, every pixel of which then becomes several: their mean is the pixel again."""
    folder.mkdir()
    for image in dataset.images:
        with PIL.Image.open(dataset.path_of(image)) as original:
            pixels = np.asarray(original.convert("RGB").resize((side, side)))
        PIL.Image.fromarray(pixels.repeat(times, 0).repeat(times, 1)).save(folder / f"{image.id}.png")
    images = tuple(Image(image.id, f"{image.id}.png", side * times, side * times) for image in dataset.images)
    return Dataset(folder, dataset.categories, images, ())


def breaking(lr: float, weight_decay: float = 0.0) -> dict[str, object]:
    """An optimiser that breaks any network at its first step."""
    optimizer = Optimizer(
        type="sgd", lr=lr, weight_decay=weight_decay, warmup_steps=0, clip_grad_norm=1e30, schedule="constant"
    )
    return optimizer.model_dump()
