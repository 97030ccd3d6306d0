"""Trials on real Ray and the real clock: stopped early, failed in every way, in time, killed and continued."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest
import ray
from optuna.trial import TrialState

from recycle.orchestration.cluster import cluster_nodes, connected
from recycle.orchestration.early_stopping import StoppingRules
from recycle.orchestration.nodes import Node
from recycle.orchestration.search import open_study
from recycle.orchestration.trial_budget import TrialBudget
from recycle.orchestration.trials import trials_side_by_side
from recycle.recipe import Resources
from tests.orchestration.artificial_trials import EPOCHS, TRIALS_OF_THE_MODULE, ArtificialTrial, run_artificial
from tests.orchestration.job import kill, wait_for

pytestmark = pytest.mark.training

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", autouse=True)
def ray_runs() -> Iterator[None]:
    with connected():
        yield


def outcomes(study: optuna.Study) -> list[str]:
    return [trial.user_attrs["outcome"] for trial in study.trials]


def reason(study: optuna.Study, number: int) -> str:
    return str(study.trials[number].user_attrs["reason"])


def cpus_come_back() -> bool:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if ray.available_resources().get("CPU") == ray.cluster_resources()["CPU"]:  # type: ignore[no-untyped-call]
            return True
        time.sleep(0.2)
    return False


def test_failures_are_recorded_with_their_reason_and_the_search_goes_on(tmp_path: Path) -> None:
    accidents = {1: "crash", 2: "memory", 3: "nan", 4: "killed"}
    worth = [0.5] * 5 + [0.6]
    study = run_artificial(tmp_path, ArtificialTrial(accidents=accidents, worth=worth), trials=6)
    assert outcomes(study)[0] == "finished"
    assert outcomes(study)[1:5] == ["crashed", "out of memory", "loss not finite", "crashed"]
    assert reason(study, 1) == "ValueError: no such thing"
    assert "Unable to allocate" in reason(study, 2)
    assert reason(study, 3) == "m: the loss became nan at step 3"
    assert reason(study, 4) == "its process died"
    assert [trial.state for trial in study.trials[1:5]] == [TrialState.FAIL] * 4
    assert study.trials[5].value == 0.6
    assert cpus_come_back()


def test_poor_trials_are_stopped_early_and_the_journal_says_why(tmp_path: Path) -> None:
    one_at_a_time = Resources(num_cpus=ray.cluster_resources()["CPU"])  # type: ignore[no-untyped-call]
    worth = [0.8, 0.7, 0.1, 0.9]
    study = run_artificial(tmp_path, ArtificialTrial(worth=worth), trials=4, resources=one_at_a_time)
    assert outcomes(study) == ["finished", "stopped", "dropped", "finished"]
    assert "is not among the best 1/3 of ASHA" in reason(study, 1)
    assert "which is not within 15% of the best, 0.8000" in reason(study, 2)
    assert [max(trial.intermediate_values) for trial in study.trials] == [EPOCHS, 2, 2, EPOCHS]
    assert [trial.state for trial in study.trials[1:3]] == [TrialState.PRUNED] * 2
    assert list((tmp_path / "logs").rglob("events.out.tfevents.*")), "TensorBoard has something to show"


def test_the_end_is_kept_and_what_cannot_finish_is_not_started(tmp_path: Path) -> None:
    seconds, a_trial = 16.0, EPOCHS * 0.4
    began = time.monotonic()
    budget = TrialBudget(EPOCHS, began + seconds, lambda seconds_a_trial: 2.0)
    rules = StoppingRules(EPOCHS, 1, grace=EPOCHS, reduction=3, within=1.0)
    study = run_artificial(tmp_path, ArtificialTrial(0.4), trials=100, budget=budget, rules=rules)
    taken = time.monotonic() - began
    assert taken < seconds
    assert 0 < len(study.trials) < 100
    ended = Counter(outcomes(study))
    assert ended["finished"] > 0
    assert ended["out of time"] <= trials_side_by_side(Resources(), cluster_nodes())
    assert budget.seconds_a_trial is not None
    assert budget.seconds_a_trial > a_trial, "start-up counts too"


def test_a_killed_search_continues_with_all_that_was_finished(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.orchestration.artificial_trials", str(tmp_path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    journal = tmp_path / "journal"
    wait_for(lambda: journal.is_file() and states(journal)[TrialState.COMPLETE] >= 1, process, "a trial was finished")
    wait_for(lambda: states(journal)[TrialState.RUNNING] >= 1, process, "another was running")
    kill(process.pid)
    process.communicate()
    before = optuna.load_study(study_name="artificial", storage=storage(journal)).trials
    study = run_artificial(tmp_path, trials=TRIALS_OF_THE_MODULE)
    finished = [trial for trial in before if trial.state.is_finished()]
    assert [study.trials[trial.number] for trial in finished] == finished
    interrupted = [trial.number for trial in before if not trial.state.is_finished()]
    assert [study.trials[number].user_attrs["outcome"] for number in interrupted] == ["interrupted"] * len(interrupted)
    assert len(study.trials) == TRIALS_OF_THE_MODULE + len(interrupted)
    assert states(journal)[TrialState.RUNNING] == 0
    kept = [trial.params["x"] for trial in study.trials if trial.number not in interrupted]
    assert kept.count(0.4) == 1, "the start is tried, again if it was interrupted"
    drawn = [trial.params["x"] for trial in study.trials if trial.params["x"] != 0.4]
    assert len(set(drawn)) == len(drawn), "no suggestion is repeated"


def storage(journal: Path) -> optuna.storages.JournalStorage:
    return optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(journal)))


def states(journal: Path) -> Counter[TrialState]:
    studies = optuna.get_all_study_names(storage(journal))
    if not studies:
        return Counter()
    study = optuna.load_study(study_name=studies[0], storage=storage(journal))
    return Counter(trial.state for trial in study.get_trials(deepcopy=False))


def test_equal_seeds_try_the_same_and_the_first_is_the_start(tmp_path: Path) -> None:
    rules = StoppingRules(EPOCHS, 1, grace=EPOCHS, reduction=3, within=1.0)
    first, second = (
        [
            trial.params["x"]
            for trial in run_artificial(tmp_path / name, ArtificialTrial(0.0), trials=3, rules=rules).trials
        ]
        for name in ("one", "two")
    )
    assert first == second
    assert first[0] == 0.4


def test_without_a_start_the_first_trial_changes_nothing(tmp_path: Path) -> None:
    study = run_artificial(tmp_path, trials=1, start=[])
    assert study.trials[0].params == {}
    assert study.trials[0].value == pytest.approx(0.3)


@pytest.mark.parametrize(("start", "first"), [([{"x": 0.4}], {"x": 0.4}), ([], {})])
def test_what_is_tried_first_is_tried_again_where_it_was_interrupted(
    tmp_path: Path, start: list[dict[str, float]], first: dict[str, float]
) -> None:
    open_study("artificial", tmp_path / "journal").ask()
    study = run_artificial(tmp_path, trials=1, start=start)
    assert [trial.params for trial in study.trials] == [{}, first]
    assert outcomes(study) == ["interrupted", "finished"]
    again = run_artificial(tmp_path, trials=2, start=start)
    assert again.trials[2].params not in ({}, first), "what ended is not tried twice"


@pytest.mark.parametrize(
    ("resources", "nodes", "count"),
    [
        (Resources(), [{"CPU": 2.0}], 2),
        (Resources(num_cpus=4), [{"CPU": 2.0}], 1),
        (Resources(num_cpus=1, num_gpus=0.5), [{"CPU": 16.0, "GPU": 2.0}, {"CPU": 1.0, "GPU": 4.0}], 5),
    ],
)
def test_trials_side_by_side(resources: Resources, nodes: list[dict[str, float]], count: int) -> None:
    assert trials_side_by_side(resources, [Node(str(place), node) for place, node in enumerate(nodes)]) == count


def test_studies_of_other_names_share_a_journal(tmp_path: Path) -> None:
    run_artificial(tmp_path, trials=1)
    assert open_study("another", tmp_path / "journal").trials == []
