import io
import json
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from recycle.evaluation.agreement import Agreement
from recycle.evaluation.bootstrap import Interval
from recycle.evaluation.comparison import Comparison, Rating
from recycle.fusion.contributions import Growth
from recycle.fusion.response import Response
from recycle.fusion.selection import Selection
from recycle.fusion.settings import DEFAULTS
from recycle.report.ensemble import EnsembleStudy, Worth, honest_verdict, outlook, study_tables

ODD = "[red]a"


def worth(difference: float, low: float, high: float) -> Worth:
    scores = {ODD: 0.5, "b": 0.4, "default fusion": 0.51, "tuned fusion": 0.5 + difference}
    ratings = {name: Rating(score, Interval(score - 0.1, score + 0.1), 10) for name, score in scores.items()}
    return Worth(ratings, [Comparison("tuned fusion", ODD, difference, Interval(low, high))])


def study_of(held_out: Worth | None = None) -> EnsembleStudy:
    return EnsembleStudy(
        metric="map50",
        parameters={"iou_thr": 0.5, f"weight {ODD}": 3, "weight b": 0},
        trials=[{"iou_thr": 0.5, "score": 0.6}],
        selection=Selection((ODD, "b"), (0.5, 0.45), DEFAULTS),
        pooled=worth(0.1, 0.05, 0.15),
        held_out=held_out or worth(0.02, -0.01, 0.05),
        agreement=Agreement((ODD, "b"), (0.3, 0.2), np.array([[1, 0.25], [0.25, 1]]), np.array([[1, 0.5], [0.5, 1]])),
        leave_one_out={ODD: 0.2},
        growth=Growth((0.45, 0.6), (0.05, 0.0), 0.15, 0.05),
        responses={"iou_thr": Response((0.4, 0.5), (0.5, 0.6))},
    )


def shown(study: EnsembleStudy, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, markup=False)
    for table in study_tables(study):
        console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [80, 160])
def test_tables_show_every_competitor_with_its_interval_whatever_the_width(width: int) -> None:
    text = shown(study_of(), width)
    for name in (ODD, "b", "default fusion", "tuned fusion"):
        assert name in text
    assert "0.6000 (0.5000 to 0.7000)" in text
    assert "+0.0200" in text
    assert "-0.0100 to +0.0500" in text
    assert "not told apart" in text


def test_models_are_shown_with_weight_loss_and_their_nearest() -> None:
    rows = [line for line in shown(study_of(), 160).splitlines() if "0.25" in line]
    assert ["3" in rows[0], "-0.2000" in rows[0], "0.50" in rows[0]] == [True, True, True]
    assert " 0 " in rows[1]
    assert " - " in rows[1]


@pytest.mark.parametrize(
    ("held_out", "expected"),
    [
        (worth(0.02, -0.01, 0.05), "+0.0200 mAP50 against [red]a (-0.0100 to +0.0500): not told apart."),
        (worth(0.02, 0.01, 0.05), "(+0.0100 to +0.0500): better."),
        (worth(-0.02, -0.05, -0.01), "(-0.0500 to -0.0100): worse."),
    ],
)
def test_better_is_said_only_where_the_interval_says_so(held_out: Worth, expected: str) -> None:
    assert honest_verdict(study_of(held_out)).endswith(expected)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (
            -0.03,
            -0.01,
            "Tuning would do harm (-0.0200, -0.0300 to -0.0100), so the default fusion stands. Held out, the default "
            "fusion scores +0.0100 mAP50 against [red]a (-0.0500 to +0.0700): not told apart.",
        ),
        (
            -0.05,
            0.01,
            "Held out, the tuned fusion scores -0.0100 mAP50 against [red]a (-0.0400 to +0.0200): not told apart.",
        ),
    ],
)
def test_the_default_stands_where_tuning_is_told_to_harm(low: float, high: float, expected: str) -> None:
    comparisons = [
        Comparison("tuned fusion", "default fusion", -0.02, Interval(low, high)),
        Comparison("default fusion", ODD, 0.01, Interval(-0.05, 0.07)),
        Comparison("tuned fusion", ODD, -0.01, Interval(-0.04, 0.02)),
    ]
    assert honest_verdict(study_of(replace(worth(-0.01, 0, 0), comparisons=comparisons))) == expected


def test_a_best_model_of_other_images_cannot_be_compared_with() -> None:
    alone = replace(worth(0.1, 0, 0.2), comparisons=[])
    assert "cannot be compared with [red]a, which predicted other images" in honest_verdict(study_of(alone))


def test_outlook_tells_what_the_last_model_brought() -> None:
    assert "The last of 2 brought +0.1500 mAP50" in outlook(study_of())
    single = replace(study_of(), growth=Growth((0.5,), (0.0,), 0.5, 0.0))
    assert "single model" in outlook(single)


def test_the_document_is_json_and_holds_what_is_documented() -> None:
    document = json.loads(json.dumps(study_of().to_json(), allow_nan=False))
    assert set(document) == {
        *("metric", "parameters", "selection", "pooled", "held_out", "leave_one_out"),
        *("growth", "agreement", "responses", "trials"),
    }
    assert document["held_out"]["comparisons"][0]["verdict"] == "not told apart"
    assert document["pooled"]["comparisons"][0]["verdict"] == "better"
