import math
import subprocess
import sys
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from recycle.data.synthetic import write_synthetic
from recycle.errors import ResourceError
from recycle.orchestration.plan_report import foresee, seconds_until_all_are_done, show_plan
from recycle.recipe import Recipe
from recycle.recipe_yaml import load_recipe
from recycle.report.plan import PlannedMember
from recycle.training.probes import Probe, write_probe
from tests.orchestration.plans import model_with
from tests.recipes import example_with

WITHOUT_NETWORK_OR_TORCH = """
import socket, sys
from pathlib import Path
def refuse(*arguments, **options):
    raise OSError("no network")
socket.socket.connect = socket.getaddrinfo = refuse
from rich.console import Console
from recycle.orchestration.plan_report import show_plan
from recycle.recipe_yaml import load_recipe
show_plan(load_recipe("reference"), None, 4, Path("absent"), Console(width=120))
assert not {"torch", "mmdet", "ultralytics"} & set(sys.modules), "a plan needs no network libraries"
"""


def planned(recipe: Recipe, gpus: int | None = None, probes: Path = Path("absent")) -> str:
    output = StringIO()
    show_plan(recipe, None, gpus, probes, Console(file=output, width=200))
    return output.getvalue()


def test_the_reference_is_planned_without_weights_network_torch_or_gpu(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WITHOUT_NETWORK_OR_TORCH]
    told = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path).stdout.splitlines()
    assert sum("-fold" in line or "-all " in line for line in told) == 26
    assert any(line.startswith("26 members, ~") for line in told)
    text = " ".join(told)
    assert "on 4 GPUs" in text
    assert "4,883 training images assumed, as no --data was given" in text
    assert "~ marks estimates" in text


def test_steps_follow_folds_and_phases() -> None:
    lines = {line.split()[0]: line.split() for line in planned(load_recipe("reference"), 4).splitlines() if line}
    # 3,907 of 4,883 images in batches of 4, and all of them, 50 times each.
    assert lines["cascade-r50-fold0"][1:7] == ["512", "4x4", "50", "48,850", "4", "1"]
    assert lines["cascade-r50-all"][4] == "61,050"
    assert lines["swin-t-fold0"][3:5] == ["52", "50,804"]


def test_probes_take_the_place_of_estimates(tmp_path: Path) -> None:
    recipe = example_with("models.0.folds=[0]", "models.1.folds=[1]")
    assert planned(recipe, probes=tmp_path).count("~") > 4
    write_probe(Probe("Some CPU", 1.0, 2.5), recipe.models[0], tmp_path)
    partly = planned(recipe, probes=tmp_path)
    measured, estimated = partly.splitlines()[1:3]
    assert "~" not in measured
    assert measured.split()[-2] == "2.5"
    assert estimated.count("~") == 2
    assert "~ marks estimates" in partly
    write_probe(Probe("Some CPU", 1.0, 2.5), recipe.models[1], tmp_path)
    wholly = planned(recipe, probes=tmp_path)
    assert "~" not in wholly
    assert "Measured on: Some CPU." in wholly


def test_images_are_counted_in_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    write_synthetic(tmp_path / "data", images=20, image_size=64, seed=0)
    output = StringIO()
    recipe = example_with("models.0.folds=[0, all]", "models.0.batch_size=1", "models.0.epochs=1")
    before = sorted(tmp_path.rglob("*"))
    foresee(recipe, str(tmp_path / "data"), None, probe=False, console=Console(file=output, width=200))
    lines = output.getvalue().splitlines()
    assert "16 training images" in output.getvalue()
    assert [line.split()[4] for line in lines[1:3]] == ["8", "16"]
    assert sorted(tmp_path.rglob("*")) == before


def test_a_model_that_can_never_start_is_refused() -> None:
    recipe = example_with("models.0.resources.num_gpus=4")
    with pytest.raises(ResourceError, match=r"'cascade-rcnn'.*GPU=4 of at most GPU=2"):
        planned(recipe, gpus=2)
    assert "on 4 GPUs" in planned(recipe, gpus=4)
    with pytest.raises(ResourceError, match="CPU=10000 of at most"):
        planned(example_with("models.0.resources.num_cpus=10000"))


def members(needs: Sequence[tuple[float, float]]) -> list[PlannedMember]:
    """Members that take so many seconds on so many GPUs."""
    return [
        PlannedMember(str(n), model_with(resources={"num_gpus": gpus}, batch_size=12), 1, seconds, 1, ())
        for n, (seconds, gpus) in enumerate(needs)
    ]


@pytest.mark.parametrize(
    ("needs", "gpus", "seconds"),
    [
        ([], 1, 0),
        ([(5, 1)], 4, 5),
        ([(5, 1), (3, 1)], 1, 8),
        ([(5, 1), (3, 1)], 2, 5),
        ([(2, 1), (2, 1), (3, 1), (5, 1)], 2, 7),  # the longest first: 5 + 2 beside 3 + 2
        ([(4, 0.5), (4, 0.5)], 1, 4),
        ([(4, 0.5), (4, 0.5), (1, 1)], 1, 5),
        ([(3, 2), (2, 1), (2, 1)], 2, 5),
    ],
)
def test_members_share_gpus(needs: Sequence[tuple[float, float]], gpus: int, seconds: float) -> None:
    assert seconds_until_all_are_done(members(needs), {"GPU": gpus, "CPU": math.inf}) == seconds


@given(
    needs=st.lists(st.tuples(st.integers(1, 50), st.sampled_from([0.25, 0.5, 1, 2])), min_size=1, max_size=12),
    gpus=st.integers(2, 6),
)
def test_no_schedule_beats_the_work_or_the_longest_member(needs: list[tuple[float, float]], gpus: int) -> None:
    took = seconds_until_all_are_done(members(needs), {"GPU": gpus, "CPU": math.inf})
    work = sum(seconds * share for seconds, share in needs)
    longest = max(seconds for seconds, _ in needs)
    assert max(work / gpus, longest) <= took + 1e-6
    assert took <= sum(seconds for seconds, _ in needs)


def test_rounds_are_planned_one_after_the_other() -> None:
    settings = ["pseudo_labels.mixing=side_by_side", "pseudo_labels.share=0.5", "pseudo_labels.epochs=[2]"]
    plain, rounds = (planned(example_with(f"rounds={count}", *settings)) for count in (0, 2))
    assert "yolov5@2-fold1" in rounds
    assert "12 members" in rounds
    assert "4 members" in plain
