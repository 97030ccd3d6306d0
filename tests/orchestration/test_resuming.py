import argparse
from pathlib import Path

import pytest

from recycle.errors import StorageError
from recycle.orchestration.resuming import RESUME, is_resumed
from recycle.storage import Storage
from tests.orchestration.job import run_job
from tests.recipes import example_recipe


def told(*arguments: str) -> str | None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--resume", **RESUME)
    value: str | None = parser.parse_args(arguments).resume
    return value


@pytest.mark.parametrize(("arguments", "expected"), [([], False), (["--resume"], True)])
def test_a_run_is_continued_as_told_whether_or_not_it_is_there(
    arguments: list[str], expected: bool, tmp_path: Path
) -> None:
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "recipe.yaml").touch()
    for name in ("begun", "none"):
        assert is_resumed(told(*arguments), example_recipe(), tmp_path / name) == expected


@pytest.mark.parametrize("place", ["run", "storage/run"])
def test_a_run_that_may_have_begun_is_looked_for_here_and_in_the_storage(place: str, tmp_path: Path) -> None:
    recipe, value = example_recipe(storage=str(tmp_path / "storage")), told("--resume=if-begun")
    assert not is_resumed(value, recipe, tmp_path / "run")
    (tmp_path / place).mkdir(parents=True)
    (tmp_path / place / "recipe.yaml").touch()
    assert is_resumed(value, recipe, tmp_path / "run")


def test_no_run_is_begun_in_the_place_of_one_that_is_out_of_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(storage: Storage, name: str) -> bool:
        raise StorageError(f"{storage.address}: cannot look for {name}")

    monkeypatch.setattr(Storage, "holds", fail)
    with pytest.raises(StorageError, match=r"storage/run: cannot look for recipe\.yaml"):
        is_resumed("if-begun", example_recipe(storage=str(tmp_path / "storage")), tmp_path / "run")


@pytest.mark.training
@pytest.mark.parametrize(
    ("option", "message"),
    [("--resume", "there is no run to resume"), ("--resume=if-begun", "nowhere: there is no such folder")],
)
def test_only_if_begun_begins_a_run(option: str, message: str, tmp_path: Path) -> None:
    arguments = ["--run-dir", str(tmp_path / "run"), "--data", str(tmp_path / "nowhere"), option]
    status, _, errors = run_job("train_all", *arguments, folder=tmp_path / "elsewhere")
    assert status == 2
    assert message in errors
