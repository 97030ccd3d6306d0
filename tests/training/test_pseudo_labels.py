"""Members of rounds: they go on from another's weights, see pseudo-labelled images first, and resume anywhere."""

from dataclasses import replace

import pytest
import torch

from recycle.data.coco import Dataset
from recycle.data.pseudo_images import PseudoImages
from recycle.models.checkpoints import load_checkpoint
from recycle.recipe import PseudoLabels, PseudoMixing, model_of_round
from recycle.training.member import MemberTask
from recycle.training.phase import remaining_phases, steps_of
from recycle.training.progress import Progress
from recycle.training.train import train_member, training_images
from tests.training.conformance import MakeTask, ignore, task_maker
from tests.training.test_phases import are_equal, state_of

pytestmark = pytest.mark.training

YOLO = {"family": "yolov5", "size": "tiny", "image_size": 64, "batch_size": 2, "validate_every": 9}
LABELS = PseudoLabels(epochs=(2,), real_epochs=1, mixing="side_by_side", share=0.5)


@pytest.fixture(scope="module")
def make_task(sample: Dataset, tmp_path_factory: pytest.TempPathFactory) -> MakeTask:
    return task_maker(sample, tmp_path_factory.mktemp("members"), YOLO)


@pytest.fixture(scope="module")
def parent(make_task: MakeTask) -> MemberTask:
    task = make_task("parent", epochs=1)
    train_member(task, ignore)
    return task


def in_round(parent: MemberTask, name: str, settings: PseudoLabels = LABELS) -> MemberTask:
    """A member that goes on from another with its validation images for pseudo-labelled ones."""
    return replace(
        parent,
        name=name,
        settings=model_of_round(parent.settings, settings, 1),
        work_dir=parent.work_dir.parent / name,
        pseudo=PseudoImages(parent.validation, settings.mixing, settings.share),
        parent=parent.last_checkpoint,
    )


def test_a_round_begins_with_the_weights_of_its_parent(parent: MemberTask) -> None:
    still = PseudoLabels(epochs=(1,), lr_factor=1e-9)
    task = in_round(parent, "still", still)
    train_member(task, ignore)
    before, after = state_of(parent), state_of(task)
    trained = [name for name in before if name.endswith("weight") and before[name].ndim == 4]
    assert all(torch.allclose(before[name], after[name], atol=1e-6) for name in trained)
    assert load_checkpoint(task.last_checkpoint)["meta"]["epoch"] == 1


def test_labelled_images_alone_are_trained_on_at_the_end(parent: MemberTask) -> None:
    mixed, real = remaining_phases(in_round(parent, "phases"))
    assert len(training_images(mixed)) == 16
    assert len(training_images(real)) == 8
    assert (mixed.steps_an_epoch, real.steps_an_epoch, real.steps_before) == (8, 4, 16)
    assert steps_of(mixed.member) == 20


@pytest.mark.parametrize("mixing", ["side_by_side", "mixup"])
def test_an_interrupted_round_ends_like_an_undisturbed_one(parent: MemberTask, mixing: PseudoMixing) -> None:
    settings = LABELS.model_copy(update={"mixing": mixing})
    whole, other = (in_round(parent, f"{mixing}-{name}", settings) for name in ("whole", "interrupted"))
    reports: list[Progress] = []
    train_member(whole, reports.append)
    assert (reports[-1].step, reports[-1].steps) == (steps_of(whole),) * 2

    def stop(progress: Progress) -> None:
        if progress.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_member(other, stop)
    train_member(other, ignore)
    assert are_equal(state_of(other), state_of(whole))
    assert not are_equal(state_of(whole), state_of(parent))
