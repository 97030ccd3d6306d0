"""Members on machines that share nothing but a storage; each really trains, at tiny size."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
import torch

from recycle.errors import LeavingError
from recycle.models.checkpoints import load_checkpoint
from recycle.orchestration.run_storage import send_weights
from recycle.paths import working_folder
from recycle.recipe_yaml import load_recipe
from recycle.storage import Storage, StoredRun
from recycle.training.member import MemberPlan, TrainingData
from recycle.training.run_member import run_member
from recycle.training.stored_member import StoredCheckpoints, fetch_what_it_begins_with, run_member_anywhere
from tests.training.conformance import ignore
from tests.training.test_run_member import data  # noqa: F401 - a fixture


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path / "storage"))


@pytest.fixture
def enter_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Makes the caches of another machine this process's; gives their folder."""

    def enter(name: str) -> Path:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / name))
        return tmp_path / name

    return enter


def names(storage: Storage) -> list[str]:
    return [file.name for file in storage.files()]


def checkpoints_of(folder: Path, storage: Storage) -> StoredCheckpoints:
    return StoredCheckpoints(folder / "m", folder, storage)


def write(folder: Path, **content: str) -> None:
    (folder / "m").mkdir(parents=True, exist_ok=True)
    for name, text in content.items():
        (folder / "m" / (name if name == "key" else f"{name}.pth")).write_text(text)


def test_another_machine_continues_with_what_is_kept_and_nothing_else(tmp_path: Path, storage: Storage) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    write(first, key="k", last="3", best="2")
    checkpoints_of(first, storage).upload()
    there = checkpoints_of(second, storage)
    there.fetch("k")
    assert {path.name: path.read_text() for path in (second / "m").iterdir()} == {
        "key": "k",
        "last.pth": "3",
        "best.pth": "2",
    }
    write(second, last="4")
    (second / "m" / "best.pth").unlink()
    there.upload()
    assert names(storage) == ["m/key", "m/last.pth"]
    assert storage.read("m/last.pth") == b"4"


def test_what_did_not_change_is_not_copied_again(tmp_path: Path, storage: Storage) -> None:
    write(tmp_path, key="k", last="3")
    here = checkpoints_of(tmp_path, storage)
    here.upload()
    storage.write("m/last.pth", b"untouched")
    here.upload()
    assert storage.read("m/last.pth") == b"untouched"


def test_checkpoints_of_another_training_are_removed_before_its_key_is_replaced(
    tmp_path: Path, storage: Storage
) -> None:
    write(tmp_path / "first", key="old", last="3", best="2")
    checkpoints_of(tmp_path / "first", storage).upload()
    checkpoints_of(tmp_path / "second", storage).fetch("new")
    assert names(storage) == ["m/key"]
    assert not list((tmp_path / "second").rglob("*"))


def test_weights_that_lie_on_the_drivers_machine_alone_are_sent_to_others(tmp_path: Path, storage: Storage) -> None:
    weights = tmp_path / "driver" / "weights.pth"
    weights.parent.mkdir()
    weights.write_bytes(b"tensors")
    plan = plan_in(tmp_path / "run", storage)
    plan = replace(
        plan, weights="weights/digest.pth", settings=plan.settings.model_copy(update={"pretrained": str(weights)})
    )
    send_weights([plan, plan, plan_in(tmp_path / "run", storage)])
    assert names(storage) == ["weights/digest.pth"]
    shutil.rmtree(weights.parent)
    send_weights([plan])  # they are there already, as for a driver that resumes elsewhere
    there = plan.moved_to(tmp_path / "other")
    fetch_what_it_begins_with(there, tmp_path / "other", storage)
    assert Path(there.settings.pretrained).read_bytes() == b"tensors"


@pytest.mark.training
def test_a_member_that_moves_amid_epochs_ends_like_one_that_stayed_and_leaves_no_file_behind(
    data: TrainingData,  # noqa: F811
    tmp_path: Path,
    storage: Storage,
    enter_machine: Callable[[str], Path],
) -> None:
    plan, times = plan_in(tmp_path / "run", storage), {"first": 1, "second": 2}
    for machine in ("first", "second", "third"):
        caches = enter_machine(machine)
        if machine == "third":
            run_member_anywhere(plan, data, ignore)
        else:
            with pytest.raises(LeavingError, match=r"last.pth holds step \d+"):
                run_member_anywhere(plan, data, ignore, is_leaving=leaving_when_asked(times[machine]))
        assert not [path for path in caches.rglob("*") if path.suffix in (".pth", ".parquet")]
    checkpoints = [name.rpartition("/")[2] for name in names(storage) if name.endswith(".pth")]
    assert checkpoints == ["best.pth", "epoch-2.pth", "last.pth"]
    assert {"oof.parquet", "test.parquet"} <= set(names(storage))
    assert not (tmp_path / "run").exists()

    alone = replace(plan, stored=None)
    run_member(alone, data, ignore)
    for name in checkpoints:
        storage.fetch(f"m/{name}", tmp_path / name)
        moved, stayed = load_checkpoint(tmp_path / name), load_checkpoint(alone.work_dir / name)
        assert moved["state_dict"].keys() == stayed["state_dict"].keys()
        assert all(torch.equal(moved["state_dict"][key], stayed["state_dict"][key]) for key in stayed["state_dict"])
    shutil.rmtree(working_folder(plan.cache_name), ignore_errors=True)


def leaving_when_asked(number: int) -> Callable[[], bool]:
    """Says so when it is asked for that time; it is asked after each step but the last of an epoch."""
    asked = count(1)
    return lambda: next(asked) == number


def plan_in(root: Path, storage: Storage) -> MemberPlan:
    changes = ["models.1.image_size=96", "models.1.epochs=3", "models.1.batch_size=2", "models.1.validate_every=1"]
    return MemberPlan(
        name="m",
        settings=load_recipe("demo", changes).models[1],
        fold=1,
        seed=5,
        key="one",
        work_dir=root / "m",
        oof=root / "oof.parquet",
        test=root / "test.parquet",
        cache_name="moving",
        checkpoints=3,
        stored=StoredRun(storage, root),
    )
