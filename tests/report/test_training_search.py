"""What is said of a search, and that its file can be read back."""

import json

import pytest

from recycle.evaluation.seeds import compare_seeds
from recycle.report.page.render import render
from recycle.report.page.training_search import page_of
from recycle.report.training_search import Finalist, Importances, TrainingStudy, TrialRecord, verdict
from tests.report.training_studies import study_from_json


def trial(number: int, value: float | None, outcome: str = "finished") -> TrialRecord:
    changes = {"optimizer": {"lr": 0.1 * number}} if number else {}
    curve = {1: 0.1, 2: 0.2 + number / 100} if outcome != "crashed" else {}
    return TrialRecord(number, outcome, "" if value else "<because>", value, 10.0, curve, {"x": number}, changes)


TRIALS = [trial(0, 0.3), trial(1, 0.5), trial(2, None, "dropped"), trial(3, None, "crashed"), trial(4, 0.6)]
FINALISTS = [Finalist("trial-4", 4, 0.6, 0.8), Finalist("trial-1", 1, 0.5, 0.7), Finalist("default", 0, 0.3, 0.4)]


def study(**changes: object) -> TrainingStudy:
    settings = {
        "model": "yolov5",
        "value": "mAP50",
        "trials": TRIALS,
        "importances": Importances({"x": 0.8, "y": 0.2}, 2),
        "finalists": FINALISTS,
        "winner": "trial-4",
        "challenger": "trial-4",
        "comparison": compare_seeds([0.8, 0.81, 0.79], [0.4, 0.42, 0.41]),
        "remarks": ["There was no time for more."],
    }
    return TrainingStudy(**{**settings, **changes})  # type: ignore[arg-type]


def test_the_file_is_read_back() -> None:
    assert study_from_json(json.loads(json.dumps(study().to_json()))) == study()
    assert study_from_json(json.loads(json.dumps(study(comparison=None).to_json()))) == study(comparison=None)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "trial-4 is better than the default: over 3 seeds its mean mAP50 differs by +0.3900"),
        ({"comparison": compare_seeds([0.4, 0.6], [0.5, 0.4])}, "trial-4 is not told apart from the default"),
        ({"comparison": None}, "was not compared with the default"),
        (
            {"comparison": compare_seeds([0.1, 0.11], [0.5, 0.51]), "winner": "default"},
            "trial-4 is worse than the default",
        ),
        ({"winner": "default", "comparison": None}, "Nothing that was tried beats the model as the recipe has it."),
        ({"trials": [trial(3, None, "crashed")], "finalists": []}, "No trial came to its end"),
    ],
)
def test_the_verdict(changes: dict[str, object], told: str) -> None:
    assert told in verdict(study(**changes))


@pytest.mark.parametrize(
    ("finalists", "expected"),
    [(FINALISTS, 1.0), (FINALISTS[:2], None), ([*FINALISTS[:2], Finalist("default", 0, 0.9, 0.1)], -0.5)],
)
def test_ranks_as_searched_and_at_full_size_are_compared(finalists: list[Finalist], expected: float | None) -> None:
    correlation = study(finalists=finalists).rank_correlation
    assert correlation == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"comparison": None, "importances": Importances({}, 0), "remarks": []},
        {"finalists": [], "winner": "default", "challenger": "", "comparison": None},
        {
            "trials": [trial(3, None, "crashed")],
            "finalists": [],
            "importances": Importances({}, 0),
            "challenger": "",
            "comparison": None,
        },
        {"trials": []},
    ],
)
def test_a_page_is_made_of_every_search(changes: dict[str, object]) -> None:
    text = render(page_of(study(**changes), "a search"))
    assert verdict(study(**changes)).partition("(")[0] in text
    assert "<because>" not in text, "what trials say is escaped"
