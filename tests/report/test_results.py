import io
import json
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table

from recycle.evaluation.detection import ClassScores, DetectionScores
from recycle.report.results import Results, ScoresByPart, classes_table, scores_tables, verdict

COLUMNS = {"map50", "map", "map75", "map_small", "map_medium", "map_large"}
ODD_NAMES = ("[red]x", "[/]", ":smile:", "Зонт", "紙パック", "[link=x]y[/link]")


def scores(map50: float | None, names: tuple[str, ...] = ("Paper", "Glass"), images: int = 10) -> DetectionScores:
    return DetectionScores(
        map50=map50,
        map=0.25,
        map75=0.125,
        map_small=None,
        map_medium=0.5,
        map_large=0.75,
        classes={name: ClassScores(map50=map50, map=None) for name in names},
        images=images,
    )


def results_of(
    names: tuple[str, ...] = ("Paper", "Glass"), a: float | None = 0.5, b: float | None = 0.4, fused: float | None = 0.6
) -> Results:
    return Results(
        recipe="demo",
        seed=1,
        classes=names,
        images={"train": 10, "test": 4},
        warnings={"box_empty": 2},
        rare_classes={"Glass": 1},
        fusion={"iou_thr": 0.5, "trials": 4},
        models={"a": {"oof": scores(a, names), "test": scores(0.3, names)}, "b": {"oof": scores(b, names)}},
        members={"a-fold0": {"oof": scores(0.1, names, images=5)}},
        ensemble={"oof": scores(fused, names), "test": scores(0.2, names)},
        failed={"b-fold1": "NaN"},
    )


def rendered(table: Any, *, markup: bool = True) -> str:
    console = Console(file=io.StringIO(), width=200, markup=markup)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_document_is_json_and_holds_what_is_documented() -> None:
    document = json.loads(json.dumps(results_of().to_json(), allow_nan=False))
    assert set(document) == {
        *("recipe", "seed", "classes", "images", "warnings", "rare_classes", "fusion"),
        *("models", "members", "ensemble", "failed", "rounds"),
    }
    parts = [document["models"]["a"]["oof"], document["members"]["a-fold0"]["oof"], document["ensemble"]["test"]]
    for part in parts:
        assert set(part) == COLUMNS | {"classes", "images"}
    assert document["models"]["a"]["oof"]["map50"] == 0.5
    assert document["models"]["a"]["test"]["map50"] == 0.3
    assert document["members"]["a-fold0"]["oof"]["images"] == 5
    assert document["ensemble"]["oof"]["classes"]["Glass"] == {"map50": 0.6, "map": None}
    assert document["ensemble"]["oof"]["map_small"] is None
    assert document["failed"] == {"b-fold1": "NaN"}


def test_equal_results_are_equal_documents() -> None:
    assert json.dumps(results_of().to_json()) == json.dumps(results_of().to_json())


def rows_of(table: Table) -> dict[str, list[str]]:
    lines = [[cell.strip() for cell in line.split("│")[1:-1]] for line in rendered(table).split("\n")]
    return {line[0]: line[1:] for line in lines if line}


def test_each_part_has_a_table_of_scores() -> None:
    oof, test = map(rows_of, scores_tables(results_of()))
    assert list(oof) == ["a-fold0", "a", "b", "ensemble"]
    assert list(test) == ["a", "ensemble"]
    assert oof["a"] == ["0.5000", "0.2500", "0.1250", "-", "0.5000", "0.7500"]


def test_scores_are_whole_on_a_narrow_terminal() -> None:
    long = "a-model-with-a-very-long-name-indeed"
    results = results_of()
    results = replace(results, models={long: results.models["a"]})
    table = next(iter(scores_tables(results)))
    file = io.StringIO()
    Console(file=file, width=80).print(table)
    for score in ("0.5000", "0.2500", "0.1250", "0.7500"):
        assert score in file.getvalue()
    assert max(map(len, file.getvalue().splitlines())) <= 80


def test_without_answers_there_is_no_table_of_the_test_part() -> None:
    results = results_of()
    results = replace(results, ensemble={"oof": results.ensemble["oof"]})
    assert len(list(scores_tables(results))) == 1


def test_a_model_that_lacks_a_fold_is_not_compared_with_the_ensemble() -> None:
    results = results_of(a=0.9, b=0.4, fused=0.5)
    whole = results.models["a"]["oof"]
    assert isinstance(whole, DetectionScores)
    part: ScoresByPart = {"oof": replace(whole, images=5)}
    results = replace(results, models={**results.models, "a": part})
    assert results.best_model() == "b"
    assert "b with 0.4000" in verdict(results)
    alone = replace(results, models={"a": part})
    assert verdict(alone).endswith("no model predicted all of its images.")


@pytest.mark.parametrize("markup", [True, False])
def test_class_names_are_shown_as_they_are(markup: bool) -> None:
    shown = rendered(classes_table(results_of(ODD_NAMES)), markup=markup)
    for name in ODD_NAMES:
        assert f"│ {name} " in shown
    assert shown.count("0.6000") == len(ODD_NAMES)


def test_a_class_without_annotations_has_no_score() -> None:
    shown = rendered(classes_table(results_of(a=None, b=None, fused=None)))
    assert "│ Paper │ - │ - │        - │" in shown


@pytest.mark.parametrize(
    ("a", "b", "fused", "sentence"),
    [
        (0.5, 0.4, 0.6, "mAP50 of 0.6000 is above the best model's, a with 0.5000 (+0.1000)."),
        (0.4, 0.5, 0.6, "mAP50 of 0.6000 is above the best model's, b with 0.5000 (+0.1000)."),
        (0.5, 0.4, 0.45, "mAP50 of 0.4500 is not above the best model's, a with 0.5000 (-0.0500)."),
        (0.5, 0.4, 0.5, "mAP50 of 0.5000 is not above the best model's, a with 0.5000 (+0.0000)."),
        (None, None, None, "mAP50 of 0.0000 is not above the best model's, a with 0.0000 (+0.0000)."),
    ],
)
def test_the_verdict_compares_with_the_best_model(
    a: float | None, b: float | None, fused: float | None, sentence: str
) -> None:
    assert verdict(results_of(a=a, b=b, fused=fused)) == f"The ensemble's out-of-fold {sentence}"
