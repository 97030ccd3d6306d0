import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from recycle.errors import RecipeError, ResumeError
from recycle.orchestration.open_run import RunOrigin, open_run, origin_of, require_same_data
from recycle.paths import RunPaths
from recycle.recipe_yaml import load_recipe
from tests.recipes import example_with

ROOT = Path(__file__).parents[2]


@pytest.fixture
def paths(tmp_path: Path) -> RunPaths:
    return RunPaths(tmp_path / "runs" / "one")


def begin(paths: RunPaths, *overrides: str, resume: bool = False) -> None:
    """Begins a run as far as training: its data are known."""
    with open_run(example_with(*overrides), paths, resume=resume):
        require_same_data("", "aa", paths)


def refusal(paths: RunPaths, *overrides: str, resume: bool = False) -> str:
    with pytest.raises(ResumeError) as caught:
        begin(paths, *overrides, resume=resume)
    return str(caught.value)


def test_a_fresh_folder_is_made_and_holds_the_resolved_recipe(paths: RunPaths) -> None:
    begin(paths, "seed=3")
    assert load_recipe(str(paths.recipe)).seed == 3
    assert "momentum: 0.9" in paths.recipe.read_text()


def test_an_empty_folder_will_do(paths: RunPaths) -> None:
    paths.root.mkdir(parents=True)
    begin(paths)
    assert paths.recipe.is_file()


def test_a_folder_with_anything_in_it_is_left_alone(paths: RunPaths) -> None:
    paths.root.mkdir(parents=True)
    (paths.root / "photo.jpg").touch()
    assert refusal(paths) == (
        f"{paths.root}: the folder is not empty; add --resume to continue its run, or name another --run-dir"
    )
    assert [path.name for path in paths.root.iterdir()] == ["photo.jpg"]


def test_a_file_is_no_run_folder(paths: RunPaths) -> None:
    paths.root.parent.mkdir(parents=True)
    paths.root.touch()
    assert "the folder is not empty" in refusal(paths)


def test_a_run_is_not_begun_twice_but_resumed(paths: RunPaths) -> None:
    begin(paths)
    assert "add --resume to continue its run" in refusal(paths)
    begin(paths, resume=True)
    begin(paths, resume=True)


def test_nothing_is_resumed_where_there_is_no_run(paths: RunPaths) -> None:
    assert refusal(paths, resume=True) == f"{paths.root}: there is no run to resume, as recipe.yaml is missing"
    assert not paths.root.exists()


def test_another_recipe_is_refused_with_every_key_and_both_values(paths: RunPaths) -> None:
    begin(paths)
    before = paths.recipe.read_bytes()
    assert refusal(paths, "models.0.epochs=9", "seed=4", "retries=1", resume=True).splitlines() == [
        f"{paths.root}: this run was begun with another recipe, which differs in",
        "  models.0.epochs: 8 -> 9",
        "  seed: 0 -> 4",
    ]
    assert paths.recipe.read_bytes() == before


def test_other_resources_are_taken_and_written_down(paths: RunPaths) -> None:
    begin(paths)
    begin(paths, "models.0.resources.num_cpus=2", "retries=7", "fusion.trials=5", resume=True)
    written = load_recipe(str(paths.recipe))
    assert (written.models[0].resources.num_cpus, written.retries, written.fusion.trials) == (2, 7, 5)


def test_a_recipe_spoilt_in_the_folder_is_refused_with_its_place(paths: RunPaths) -> None:
    begin(paths)
    paths.recipe.write_text("name: x\nsed: 1\n")
    with pytest.raises(RecipeError) as caught:
        begin(paths, resume=True)
    assert f"{paths.recipe.absolute()}:2:1: sed: there is no such key" in str(caught.value)


HOLD = textwrap.dedent("""
    import sys
    from pathlib import Path
    from recycle.orchestration.open_run import open_run
    from recycle.paths import RunPaths
    from tests.recipes import example_with
    with open_run(example_with(), RunPaths(Path(sys.argv[1])), resume=False):
        print("open", flush=True)
        sys.stdin.read()
""")


def test_a_second_driver_is_refused_until_the_first_one_died(paths: RunPaths) -> None:
    command = [sys.executable, "-c", HOLD, str(paths.root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as driver:
        assert driver.stdout is not None
        assert driver.stdout.readline() == "open\n"
        assert refusal(paths, resume=True) == f"{paths.root}: another process is working on this run"
        driver.kill()
    begin(paths, resume=True)


def test_two_runs_do_not_get_in_each_others_way(tmp_path: Path) -> None:
    with open_run(example_with(), RunPaths(tmp_path / "a"), resume=False):
        begin(RunPaths(tmp_path / "b"))


def test_a_run_goes_on_with_the_same_data_only(paths: RunPaths) -> None:
    require_same_data("photographs", "aa", paths)
    require_same_data("", "aa", paths)
    assert origin_of(paths) == RunOrigin(str(Path("photographs").absolute()), "aa")
    with pytest.raises(ResumeError) as caught:
        require_same_data("others", "bb", paths)
    assert str(caught.value).startswith(f"{paths.root}: the data are not those that this run was begun with, ")
    assert "(digest bb instead of aa)" in str(caught.value)


def test_a_run_whose_data_were_refused_is_begun_again_with_another_recipe(paths: RunPaths) -> None:
    with open_run(example_with(), paths, resume=False):
        paths.validation.parent.mkdir()
        paths.validation.write_text("{}")
    for resume in (False, True):
        with open_run(example_with("data.repair=[clip_boxes]"), paths, resume=resume):
            assert load_recipe(str(paths.recipe)).data.repair == ("clip_boxes",)
    paths.root.joinpath("thesis.txt").write_text("not ours")
    assert "folder is not empty" in refusal(paths)


def test_a_spoilt_origin_is_refused(paths: RunPaths) -> None:
    begin(paths)
    paths.origin.write_text('["x"]')
    with pytest.raises(ResumeError, match="not a record of what a run was begun with"):
        origin_of(paths)
