"""What one member does from its plan to its predictions."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from recycle.data.coco import read_coco
from recycle.data.folds import make_folds
from recycle.data.pixel_store import PixelStore
from recycle.data.synthetic import write_synthetic
from recycle.models.checkpoints import load_checkpoint
from recycle.paths import image_caches_folder
from recycle.predictions.parquet import read_parquet
from recycle.recipe_yaml import load_recipe
from recycle.training.member import BEST_CHECKPOINT, LAST_CHECKPOINT, MemberPlan, TrainingData
from recycle.training.progress import Progress
from recycle.training.run_member import run_member
from tests.predictions.strategies import assert_same

pytestmark = pytest.mark.training

CHANGES = ["models.1.image_size=96", "models.1.epochs=2", "models.1.validate_every=1"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> TrainingData:
    folder = tmp_path_factory.mktemp("sample")
    write_synthetic(folder, images=14, image_size=96, seed=2)
    whole = read_coco(folder / "annotations.json", folder)
    ids = [image.id for image in whole.images]
    train, test = whole.subset(ids[:10]), whole.subset(ids[10:])
    return TrainingData(train, test, make_folds(train, np.arange(10), 2, seed=0))


@pytest.fixture
def plan(tmp_path: Path) -> MemberPlan:
    settings = load_recipe("demo", CHANGES).models[1]
    return MemberPlan(
        name="m-fold1",
        settings=settings,
        fold=1,
        seed=5,
        key="one",
        work_dir=tmp_path / "m-fold1",
        oof=tmp_path / "oof.parquet",
        test=tmp_path / "test.parquet",
    )


def steps_of(plan: MemberPlan, data: TrainingData) -> set[int]:
    """Runs a member; gives the steps that it reported."""
    steps: set[int] = set()

    def note(progress: Progress) -> None:
        assert progress.member == "m-fold1"
        steps.add(progress.step)

    run_member(plan, data, note)
    return steps


def test_its_own_fold_and_the_test_images_are_predicted(plan: MemberPlan, data: TrainingData) -> None:
    outcome = run_member(plan, data, lambda progress: None)
    assert plan.oof is not None
    inside = [image.id for image in data.train.images if data.folds.assignment[image.file_name] == 1]
    assert read_parquet(plan.oof).coverage[0].tolist() == inside
    assert read_parquet(plan.test).coverage[0].tolist() == [image.id for image in data.test.images]
    assert outcome.checkpoint.is_file()
    assert outcome.seconds > 0


def test_a_member_of_all_images_predicts_the_test_images_alone(plan: MemberPlan, data: TrainingData) -> None:
    train, validation = data.fold("all")
    assert (train, validation.images) == (data.train, ())
    whole = replace(plan, fold="all", oof=None)
    assert max(steps_of(whole, data)) == 4
    assert read_parquet(whole.test).coverage[0].tolist() == [image.id for image in data.test.images]
    assert not list(plan.test.parent.glob("oof*"))
    assert not (plan.work_dir / BEST_CHECKPOINT).exists()


def test_a_finished_training_is_not_repeated_but_another_plan_starts_afresh(
    plan: MemberPlan, data: TrainingData
) -> None:
    assert steps_of(plan, data) == {1, 2}
    assert steps_of(plan, data) == set()
    assert steps_of(replace(plan, key="other data"), data) == {1, 2}


def test_all_members_share_decoded_images_which_change_no_result(
    plan: MemberPlan, data: TrainingData, temporary: Path
) -> None:
    run_member(plan, data, lambda progress: None)
    expected, weights = read_parquet(plan.test), load_checkpoint(plan.work_dir / LAST_CHECKPOINT)["state_dict"]
    store = PixelStore(image_caches_folder() / "run", 2**20)
    for fold in (1, 0):
        cached = replace(plan, fold=fold, key=f"cached {fold}", cache_name="run", cache_gib=0.01)
        run_member(cached, data, lambda progress: None)
        assert store.get(bytes(16)) is None  # asking makes it look for what others have added
        assert store.size == (len(data.train.images) + len(data.test.images)) * 96 * 96 * 3
        if fold == plan.fold:
            assert_same(read_parquet(plan.test), expected)
            found = load_checkpoint(plan.work_dir / LAST_CHECKPOINT)["state_dict"]
            assert all(torch.equal(found[name], weights[name]) for name in weights)


def test_where_no_cache_can_be_kept_the_user_is_told_once(
    plan: MemberPlan, data: TrainingData, temporary: Path
) -> None:
    image_caches_folder().write_text("a file where the folder should be")
    outcome = run_member(replace(plan, cache_name="run", cache_gib=1.0), data, lambda progress: None)
    (told,) = outcome.warnings
    assert told.startswith("images are decoded each time they are needed: ")
    assert read_parquet(plan.test).coverage[0].tolist() == [image.id for image in data.test.images]


def test_the_best_score_survives_an_interruption(plan: MemberPlan, data: TrainingData) -> None:
    def stop(progress: Progress) -> None:
        if progress.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_member(plan, data, stop)
    best = plan.work_dir / BEST_CHECKPOINT
    checkpoint = load_checkpoint(best)
    assert checkpoint["meta"]["epoch"] == 1
    # As if the first epoch had been better than any other can be.
    import torch

    checkpoint["meta"]["map50"] = 2.0
    torch.save(checkpoint, best)
    run_member(plan, data, lambda progress: None)
    assert load_checkpoint(best)["meta"]["epoch"] == 1


def test_outcome_tells_what_of_pretrained_weights_was_left_out(plan: MemberPlan, data: TrainingData) -> None:
    outcome = run_member(plan, data, lambda progress: None)
    assert outcome.warnings == ()
    weights = load_checkpoint(outcome.checkpoint)["state_dict"]
    path = plan.work_dir.parent / "of_fewer_classes.pth"
    heads = {name for name, tensor in weights.items() if tensor.ndim and tensor.shape[0] == len(data.train.categories)}
    torch.save({name: tensor[1:] if name in heads else tensor for name, tensor in weights.items()}, path)
    settings = plan.settings.model_copy(update={"pretrained": str(path), "epochs": 1})
    (told,) = run_member(replace(plan, settings=settings, key="two"), data, lambda progress: None).warnings
    assert "was trained for other classes" in told
    assert all(name in told for name in heads)
