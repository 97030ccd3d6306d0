import dataclasses
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from recycle.errors import ResumeError, StorageError
from recycle.orchestration import run_storage
from recycle.orchestration.data_source import data_source, mirrored_folders
from recycle.orchestration.ledger import FinishedMember, Ledger
from recycle.orchestration.run_storage import mirrored, receive_member, stored_run, take_over
from recycle.paths import RunPaths
from recycle.recipe_yaml import load_recipe
from recycle.storage import Storage, StoredRun
from tests.orchestration.plans import plan_of


@pytest.fixture
def paths(tmp_path: Path) -> RunPaths:
    root = tmp_path / "runs" / "first"
    root.mkdir(parents=True)
    return RunPaths(root)


@pytest.fixture
def stored(paths: RunPaths, tmp_path: Path) -> StoredRun:
    found = stored_run(load_recipe("demo", [f"storage={tmp_path / 'storage'}"]), paths)
    assert found is not None
    return found


def names(stored: StoredRun) -> list[str]:
    return [file.name for file in stored.storage.files()]


def write(path: Path, content: str = "x") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def test_without_a_storage_nothing_is_stored(paths: RunPaths) -> None:
    assert stored_run(load_recipe("demo"), paths) is None
    with mirrored(None, print) as copy_now:
        copy_now()
    assert mirrored_folders([paths.sample], None) == {}


def test_a_run_lies_in_a_folder_of_its_name(stored: StoredRun, paths: RunPaths, tmp_path: Path) -> None:
    write(paths.recipe)
    with mirrored(stored, print):
        pass
    assert (tmp_path / "storage" / "first" / "recipe.yaml").read_text() == "x"


def test_what_changes_is_copied_except_checkpoints_and_hidden_files(stored: StoredRun, paths: RunPaths) -> None:
    write(paths.recipe)
    write(paths.lock)
    write(paths.member(0, "a") / "last.pth")
    write(paths.root / "fusion.journal.lock")  # Optuna's, which would lock the journal for good elsewhere
    with mirrored(stored, print) as copy_now:
        write(paths.ledger, "one\n")
        copy_now()
        assert names(stored) == ["ledger.jsonl", "recipe.yaml"]
        write(paths.ledger, "one\ntwo\n")
        paths.recipe.unlink()
    assert stored.storage.read("ledger.jsonl") == b"one\ntwo\n"


def test_what_has_not_changed_is_not_copied_again(stored: StoredRun, paths: RunPaths) -> None:
    write(paths.recipe)
    with mirrored(stored, print) as copy_now:
        copy_now()
        stored.storage.write("recipe.yaml", b"untouched")
        copy_now()
    assert stored.storage.read("recipe.yaml") == b"untouched"


def test_a_storage_that_cannot_be_written_is_told_before_anything_is_done(stored: StoredRun, tmp_path: Path) -> None:
    write(tmp_path / "storage")  # a file where the folder should be
    with pytest.raises(StorageError, match="cannot write"):
        mirrored(stored, print).__enter__()


def test_a_new_machine_begins_with_all_but_checkpoints(stored: StoredRun, paths: RunPaths) -> None:
    for name in ("recipe.yaml", "ledger.jsonl", "data/folds.json", "round0/members/a/last.pth"):
        stored.storage.write(name, name.encode())
    take_over(stored, paths, resume=True)
    found = sorted(str(path.relative_to(paths.root)) for path in paths.root.rglob("*") if path.is_file())
    assert found == ["data/folds.json", "ledger.jsonl", "recipe.yaml"]


def test_a_fetch_that_was_cut_off_is_done_again(stored: StoredRun, paths: RunPaths) -> None:
    for name in ("data/folds.json", "recipe.yaml", "round0/predictions/test/a.parquet"):
        stored.storage.write(name, name.encode())
    fetched: list[str] = []

    def cut_off(name: str, local: Path) -> bool:
        fetched.append(name)
        return Storage.fetch(stored.storage, name, local) if len(fetched) < 3 else sys.exit("killed")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stored.storage, "fetch", cut_off)
        with pytest.raises(SystemExit):
            take_over(stored, paths, resume=True)
    take_over(stored, paths, resume=True)
    assert (paths.root / "round0/predictions/test/a.parquet").is_file()
    assert paths.recipe.is_file()


def test_a_new_run_replaces_none_in_the_storage(stored: StoredRun, paths: RunPaths) -> None:
    take_over(stored, paths, resume=False)
    stored.storage.write("recipe.yaml", b"of a run that ended before it began")
    take_over(stored, paths, resume=False)
    stored.storage.write("data/origin.json", b"{}")
    with pytest.raises(ResumeError, match="the storage holds a run of this name; add --resume to continue it"):
        take_over(stored, paths, resume=False)


def test_copying_goes_on_after_the_storage_was_out_of_reach(
    stored: StoredRun, paths: RunPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_storage, "SECONDS_BETWEEN_COPIES", 0.05)
    impatient = StoredRun(Storage(stored.storage.address, patience_s=0), stored.root)
    told: list[str] = []
    with mirrored(impatient, told.append):
        shutil.rmtree(tmp_path / "storage")
        write(tmp_path / "storage")  # a file where the folder should be
        write(paths.ledger, "one\n")
        wait_until(lambda: bool(told))
        (tmp_path / "storage").unlink()
        wait_until(lambda: stored.storage.holds("ledger.jsonl"))
    assert "ledger.jsonl" in told[0]
    assert "It is tried again" in told[0]


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_is_there_is_not_fetched_over(stored: StoredRun, paths: RunPaths) -> None:
    stored.storage.write("recipe.yaml", b"older")
    stored.storage.write("results.json", b"older")
    write(paths.recipe, "newer")
    take_over(stored, paths, resume=True)
    assert paths.recipe.read_text() == "newer"
    assert not paths.results.exists()


def test_predictions_and_logs_of_a_member_are_received(stored: StoredRun, paths: RunPaths) -> None:
    plan = dataclasses.replace(
        plan_of("a"),
        work_dir=stored.root / "round0/members/a",
        oof=None,
        test=stored.root / "round0/predictions/test/a.parquet",
        stored=stored,
    )
    for name in ("predictions/test/a.parquet", "members/a/last.pth", "members/a/log/scalars.json"):
        stored.storage.write(f"round0/{name}", b"x")
    receive_member(plan)
    assert plan.test.read_text() == "x"
    assert [path.name for path in plan.work_dir.rglob("*") if path.is_file()] == ["scalars.json"]
    stored.storage.remove("round0/predictions/test/a.parquet")
    with pytest.raises(StorageError, match=r"test/a.parquet: there is no such file, though a was finished"):
        receive_member(plan)
    local = plan.moved_to(Path("/elsewhere"))
    assert (local.work_dir, local.oof, local.stored) == (Path("/elsewhere/round0/members/a"), None, None)


def test_the_ledger_knows_checkpoints_that_only_the_storage_holds(stored: StoredRun, paths: RunPaths) -> None:
    entry = FinishedMember("key", 0, "a", "a", 0, None, "test", "last.pth", 1.0, 1, "host")
    Ledger(paths.ledger).append(entry)
    write(paths.root / "test")
    assert Ledger(paths.ledger, stored).finished("key") is None
    stored.storage.write("last.pth", b"x")
    assert Ledger(paths.ledger).finished("key") is None
    assert Ledger(paths.ledger, stored).finished("key") == entry


def test_folders_of_the_run_folder_are_told_to_other_machines(
    stored: StoredRun, paths: RunPaths, tmp_path: Path
) -> None:
    write(paths.sample / "images" / "1.jpg", "one")
    remote = mirrored_folders([paths.sample, tmp_path / "photographs"], stored)
    (described,) = remote.values()
    assert list(remote) == [paths.sample.absolute()]
    assert {name: facts.size for name, facts in described.files.items()} == {"images/1.jpg": 3}
    with mirrored(stored, print):
        pass
    assert described.storage.read("images/1.jpg") == b"one"


def test_data_are_a_folder_or_an_address_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    with data_source("", 1) as source:
        assert (source.name, source.folder, source.remote) == ("", None, {})
    with data_source("photographs", 1) as source:
        assert (source.name, source.folder, source.remote) == ("photographs", Path("photographs"), {})
    Storage(str(tmp_path / "far")).write("annotations.json", b"{}")
    with data_source(f"file://{tmp_path}/far", 1) as source:
        assert source.folder is not None
        assert (source.folder / "annotations.json").read_text() == "{}"
        assert list(source.remote) == [source.folder]
