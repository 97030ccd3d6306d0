"""The search on real Ray: what it tries first, what it finds, and that it goes on where it was stopped."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from recycle.errors import RecipeError, TrainingError
from recycle.orchestration.cluster import connected
from recycle.orchestration.search import SIDE_BY_SIDE, Parameters, Search, SearchTrial, open_study, search

pytestmark = pytest.mark.training

START = {"x": 0.9, "kind": "round"}


@pytest.fixture(scope="module", autouse=True)
def ray_runs() -> Iterator[None]:
    with connected():
        yield


def space(trial: optuna.Trial) -> dict[str, Any]:
    trial.suggest_float("x", 0, 1)
    trial.suggest_categorical("kind", ["round", "square"])
    return {"fixed": 3}


def score(parameters: Parameters, broken_at: float = 2.0) -> float:
    assert parameters["fixed"] == 3
    if parameters["x"] >= broken_at:
        raise ValueError("no score here")
    return float(-((parameters["x"] - 0.25) ** 2) - (parameters["kind"] == "square"))


def parabola(seed: int = 0, **changes: Any) -> Search:
    return Search(**{"name": "parabola", "score": score, "space": space, "start": [START], "seed": seed, **changes})


def run(journal: Path, trials: int, **changes: Any) -> tuple[SearchTrial, ...]:
    return search(parabola(**changes), journal, trials=trials, time_budget_s=None, tell=lambda line: None)


def states(journal: Path) -> list[TrialState]:
    study = optuna.load_study(study_name="parabola", storage=JournalStorage(JournalFileBackend(str(journal))))
    return [trial.state for trial in study.get_trials()]


def test_begins_with_the_start_and_comes_near_the_best(tmp_path: Path) -> None:
    trials = run(tmp_path / "journal", 30)
    assert len(trials) == 30
    assert trials[0] == SearchTrial({**START, "fixed": 3}, score({**START, "fixed": 3}))
    best = max(trials, key=lambda trial: trial.score)
    assert best.parameters["kind"] == "round"
    assert abs(best.parameters["x"] - 0.25) < 0.15


def test_equal_seeds_try_the_same_and_others_do_not(tmp_path: Path) -> None:
    first, second = (run(tmp_path / name, 14, seed=5) for name in ("one", "two"))
    assert first == second
    assert run(tmp_path / "three", 14, seed=6) != first


def test_continues_what_the_journal_holds(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    begun = run(journal, 6)
    study = optuna.load_study(study_name="parabola", storage=JournalStorage(JournalFileBackend(str(journal))))
    study.ask()  # what a killed search leaves behind
    ended = run(journal, 12)
    assert ended[:6] == begun
    assert len(ended) == 12
    assert len({trial.parameters["x"] for trial in ended}) == 12, "no suggestion is repeated"
    assert states(journal).count(TrialState.FAIL) == 1
    assert run(journal, 12) == ended, "nothing is left to do"


def test_a_start_that_was_interrupted_is_tried_again_and_no_other(tmp_path: Path) -> None:
    journal, other = tmp_path / "journal", {"x": 0.5, "kind": "square"}
    study = open_study("parabola", journal)
    study.enqueue_trial(START)
    study.ask({"x": FloatDistribution(0, 1), "kind": CategoricalDistribution(["round", "square"])})
    first = run(journal, 1, start=[START, other])
    assert [trial.parameters for trial in first] == [{**START, "fixed": 3}]
    assert run(journal, 2, start=[START, other])[1].parameters == {**other, "fixed": 3}


def test_searches_of_other_names_share_a_journal(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    run(journal, 4)
    assert len(run(journal, 5, name="another")) == 5


def test_progress_is_told(tmp_path: Path) -> None:
    lines: list[str] = []
    search(parabola(), tmp_path / "journal", trials=SIDE_BY_SIDE, time_budget_s=None, tell=lines.append)
    assert "0 of them known before" in lines[0]
    assert f"{SIDE_BY_SIDE} of {SIDE_BY_SIDE} trials" in lines[-1]


def test_what_cannot_be_scored_stops_the_search_with_its_reason(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no score here"):
        run(tmp_path / "journal", 8, score=partial(score, broken_at=0.0))


def test_less_than_one_trial_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="trials must be at least 1, but got trials=0"):
        run(tmp_path / "journal", 0)


def test_time_budget_ends_the_search_early(tmp_path: Path) -> None:
    trials = search(
        parabola(score=slow_score), tmp_path / "journal", trials=500, time_budget_s=12, tell=lambda line: None
    )
    assert 1 <= len(trials) < 500


@pytest.mark.parametrize("seconds", [0.0, 0.01])
def test_without_time_for_a_search_the_first_setting_is_scored_all_the_same(tmp_path: Path, seconds: float) -> None:
    journal, lines = tmp_path / "journal", list[str]()
    trials = search(parabola(), journal, trials=9, time_budget_s=seconds, tell=lines.append)
    assert trials[0] == SearchTrial({**START, "fixed": 3}, score({**START, "fixed": 3}))
    assert run(journal, len(trials)) == trials, "it is in the journal"


def slow_score(parameters: Parameters) -> float:
    import time

    time.sleep(0.5)
    return score(parameters)
