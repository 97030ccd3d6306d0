import dataclasses
from pathlib import Path

import pytest

from recycle.errors import StorageError
from recycle.orchestration.data_source import data_source, mirrored_folders
from recycle.orchestration.ledger import FinishedMember, Ledger
from recycle.orchestration.run_storage import mirrored, receive_member, restore, stored_run
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
    with mirrored(None) as copy_now:
        copy_now()
    assert mirrored_folders([paths.sample], None) == {}


def test_a_run_lies_in_a_folder_of_its_name(stored: StoredRun, paths: RunPaths, tmp_path: Path) -> None:
    write(paths.recipe)
    with mirrored(stored):
        pass
    assert (tmp_path / "storage" / "first" / "recipe.yaml").read_text() == "x"


def test_what_changes_is_copied_except_checkpoints_and_hidden_files(stored: StoredRun, paths: RunPaths) -> None:
    write(paths.recipe)
    write(paths.lock)
    write(paths.member(0, "a") / "last.pth")
    with mirrored(stored) as copy_now:
        write(paths.ledger, "one\n")
        copy_now()
        assert names(stored) == ["ledger.jsonl", "recipe.yaml"]
        write(paths.ledger, "one\ntwo\n")
        paths.recipe.unlink()
    assert stored.storage.read("ledger.jsonl") == b"one\ntwo\n"


def test_what_has_not_changed_is_not_copied_again(stored: StoredRun, paths: RunPaths) -> None:
    write(paths.recipe)
    with mirrored(stored) as copy_now:
        copy_now()
        stored.storage.write("recipe.yaml", b"untouched")
        copy_now()
    assert stored.storage.read("recipe.yaml") == b"untouched"


def test_a_storage_that_cannot_be_written_is_told_before_anything_is_done(stored: StoredRun, tmp_path: Path) -> None:
    write(tmp_path / "storage")  # a file where the folder should be
    with pytest.raises(StorageError, match="cannot write"):
        mirrored(stored).__enter__()


def test_a_new_machine_begins_with_all_but_checkpoints(stored: StoredRun, paths: RunPaths) -> None:
    for name in ("recipe.yaml", "ledger.jsonl", "data/folds.json", "round0/members/a/last.pth"):
        stored.storage.write(name, name.encode())
    restore(stored, paths)
    found = sorted(str(path.relative_to(paths.root)) for path in paths.root.rglob("*") if path.is_file())
    assert found == ["data/folds.json", "ledger.jsonl", "recipe.yaml"]


def test_what_is_there_is_not_fetched_over(stored: StoredRun, paths: RunPaths) -> None:
    stored.storage.write("recipe.yaml", b"older")
    stored.storage.write("results.json", b"older")
    write(paths.recipe, "newer")
    restore(stored, paths)
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
    with mirrored(stored):
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
