"""A run that must be over in time: what is left out is named beforehand, and what is late is ended."""

import time
from pathlib import Path

import pytest
import ray
from rich.console import Console

from recycle.data.coco import read_coco
from recycle.data.folds import Folds
from recycle.data.synthetic import write_synthetic
from recycle.orchestration.attempt_log import AttemptLog
from recycle.orchestration.cluster import connected
from recycle.orchestration.deadline import Deadline
from recycle.orchestration.nodes import Node
from recycle.orchestration.run_deadline import LEFT_OUT, SLACK, plan_training, seconds_for_fusion
from recycle.orchestration.train import NOT_IN_TIME, MemberTraining
from recycle.paths import RunPaths, probes_folder
from recycle.recipe import Model
from recycle.recipe_yaml import load_recipe
from recycle.report.plan import PlannedMember
from recycle.report.progress import Display
from recycle.training.member import MemberPlan, TrainingData
from recycle.training.probes import Probe, write_probe
from tests.fusion.scenes import alternating_folds
from tests.orchestration.job import TINY, read_json, train_tiny
from tests.orchestration.plans import plan_of

ONE_CORE = [Node("", {"CPU": 1.0})]


@pytest.fixture
def speeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A place of this test's own for measured speeds."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))


def measured(model: Model, seconds_a_step: float) -> None:
    write_probe(Probe("this machine", seconds_a_step, 1.0), model, probes_folder())


@pytest.mark.training
@pytest.mark.usefixtures("speeds")
def test_what_cannot_finish_is_left_out_and_the_rest_fused(tmp_path: Path) -> None:
    cascade, yolo = load_recipe("demo", TINY).models
    measured(cascade, 1000.0)
    measured(yolo, 0.5)
    paths = RunPaths(tmp_path / "run")
    process = train_tiny(paths.root, "--time-budget", "10m")
    output, errors = process.communicate(timeout=600)
    assert process.returncode == 1, output + errors
    assert f"cascade-rcnn-fold0: {LEFT_OUT} (expected: " in " ".join(output.split())
    assert "cascade-rcnn-fold0: started" not in output
    results = read_json(paths.results)
    assert results["failed"] == dict.fromkeys(["cascade-rcnn-fold0", "cascade-rcnn-fold1"], LEFT_OUT)
    assert sorted(results["members"]) == ["yolov5-fold0", "yolov5-fold1"]


@pytest.mark.training
def test_what_is_late_is_ended_at_the_deadline_and_its_cores_come_back(tmp_path: Path) -> None:
    write_synthetic(tmp_path, images=8, image_size=64, seed=0)
    sample = read_coco(tmp_path / "annotations.json", tmp_path)
    data = TrainingData(sample, sample.subset(()), alternating_folds(sample))
    plan = endless(tmp_path)
    with connected(), Display(Console(quiet=True)) as display:
        seconds, began = 8.0, time.monotonic()
        given_up = MemberTraining(
            [plan],
            data,
            retries=2,
            on_finished=lambda *finished: pytest.fail("it cannot finish"),
            display=display,
            progress_file=tmp_path / "progress.json",
            attempt_log=AttemptLog(tmp_path / "attempts.jsonl"),
            deadline=Deadline(began + seconds, [PlannedMember(plan.name, plan.settings, 1, 1.0, 1.0, ())]),
        ).run()
        assert seconds <= time.monotonic() - began < seconds + 5
        assert given_up == {plan.name: NOT_IN_TIME}
        assert "not finished at the deadline" in (tmp_path / "attempts.jsonl").read_text()
        time.sleep(1)
        assert ray.available_resources()["CPU"] == ray.cluster_resources()["CPU"]  # type: ignore[no-untyped-call]


def endless(folder: Path) -> MemberPlan:
    plan = plan_of("endless", image_size=64, epochs=100_000)
    return MemberPlan(
        plan.name, plan.settings, 0, 0, plan.key, folder / "member", folder / "oof.parquet", folder / "test.parquet"
    )


@pytest.mark.usefixtures("speeds")
def test_plans_are_timed_by_measured_steps(tmp_path: Path) -> None:
    write_synthetic(tmp_path, images=16, image_size=64, seed=0)
    sample = read_coco(tmp_path / "annotations.json", tmp_path)
    plans = [
        plan_of("quick", epochs=1, batch_size=8),
        plan_of("slow", epochs=3, batch_size=8),
    ]
    measured(plans[0].settings, 10.0)
    prepared = Prepared(sample, alternating_folds(sample))
    console = Console(record=True, quiet=True)
    # Of 16 images 8 are outside of the fold: one step an epoch.
    timed = plan_training(plans, prepared, ONE_CORE, 20.0, lambda: 0.0, console)  # type: ignore[arg-type]
    assert [plan.name for plan in timed.plans] == ["quick"]
    assert timed.left_out == {"slow": LEFT_OUT}
    assert timed.deadline is not None
    assert not timed.deadline.is_over()
    assert plan_training(plans, prepared, ONE_CORE, 10 * SLACK, lambda: 0.0, console).plans == []  # type: ignore[arg-type]


class Prepared:
    """As much of prepared data as planning looks at."""

    def __init__(self, train: object, folds: Folds) -> None:
        self.train, self.folds = train, folds


def test_fusion_gets_a_part_of_what_is_left() -> None:
    assert seconds_for_fusion(100, 40) == 30
    assert seconds_for_fusion(100, 200) == 1
