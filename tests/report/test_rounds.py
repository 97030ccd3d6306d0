"""Rounds as tables and sentences."""

import json
from dataclasses import asdict, replace

import pytest

from recycle.evaluation.label_counts import LabelQuality
from recycle.report.rounds import (
    OWN_ENSEMBLE,
    Change,
    FoldLabels,
    GateReport,
    LabelsReport,
    RoundReport,
    changes_data,
    classes_data,
    labels_data,
    nothing_sure,
    round_sentence,
)

QUALITY = {"Glass": LabelQuality(8, 6, 12), "Battery": LabelQuality(0, 0, 4)}
FOLD = FoldLabels(5, 8, 3, 0.97, {"Glass": 0.7, "Battery": None}, QUALITY)
LABELS = LabelsReport(OWN_ENSEMBLE, {"0": FOLD, "all": replace(FOLD, quality=None)})
KEPT = GateReport(
    True,
    "the score rises",
    Change(0.5, 0.6, 0.05, 0.15),
    Change(0.5, 0.55, -0.02, 0.1),
    {"yolo@1": Change(0.4, 0.5, 0.02, 0.2)},
    {"Glass": Change(0.7, 0.6, -0.2, 0.0)},
    (0.45, 0.55),
)
ROUND = RoundReport(1, LABELS, KEPT)


def test_labels_are_told_by_fold_with_their_quality_where_it_is_known() -> None:
    table = labels_data(ROUND)
    assert table.caption == "Round 1: pseudo labels from the ensemble"
    assert table.rows == (
        ("members of fold 0", 5, 8, 3, 0.75, 0.375),
        ("members of all images", 5, 8, 3, None, None),
    )


def test_classes_without_a_threshold_are_told() -> None:
    table = classes_data(ROUND)
    assert table is not None
    assert table.rows[1] == ("members of fold 0", "Battery", None, 0, 0, 4, None, 0.0)
    assert classes_data(RoundReport(1, LabelsReport("best.csv", {"0": replace(FOLD, quality=None)}), None)) is None


def test_changes_are_of_the_ensemble_its_models_and_its_classes() -> None:
    table = changes_data(ROUND)
    assert table is not None
    assert [row[0] for row in table.rows] == [
        "ensemble, held out",
        "the round's models alone",
        "yolo@1",
        "class Glass, AP50",
        "test part, mAP50; decides nothing",
    ]
    assert list(table.rows[0][1:]) == pytest.approx([0.5, 0.6, 0.1, 0.05, 0.15])
    assert table.rows[-1][1:] == pytest.approx((0.45, 0.55, 0.1, None, None))
    blind = changes_data(replace(ROUND, gate=replace(KEPT, test=None)))
    assert blind is not None
    assert blind.rows == table.rows[:-1]
    assert changes_data(replace(ROUND, gate=GateReport(False, "no member could be trained"))) is None


def test_rounds_for_pixels_are_told_as_such() -> None:
    pixels = replace(LABELS, task="segmentation")
    one = replace(ROUND, labels=pixels)
    assert labels_data(one).columns[2:4] == ("labelled pixels", "ignored pixels")
    changes, classes = changes_data(one), classes_data(one)
    assert changes is not None
    assert [row[0] for row in changes.rows[-2:]] == ["class Glass, IoU", "test part, mIoU; decides nothing"]
    assert classes is not None
    assert classes.columns[3:6] == ("labelled pixels", "right", "pixels of it")
    assert nothing_sure(replace(pixels, folds={"0": replace(FOLD, labels=0)})).startswith("no pixel is sure enough")
    assert LabelsReport.from_json(json.loads(json.dumps(asdict(pixels)))) == pixels


@pytest.mark.parametrize(
    ("gate", "expected"),
    [
        (KEPT, "Round 1 of pseudo labels is kept: the score rises."),
        (GateReport(False, "noise"), "Round 1 of pseudo labels is not kept: noise."),
        (None, "Round 1 of pseudo labels has not finished."),
    ],
)
def test_a_sentence_tells_what_became_of_a_round(gate: GateReport | None, expected: str) -> None:
    assert round_sentence(replace(ROUND, gate=gate)) == expected


def test_a_fold_without_labels_is_told_with_its_thresholds() -> None:
    none = replace(FOLD, labels=0)
    assert nothing_sure(LABELS) == ""
    assert "for members of all images: the highest score is 0.9700, and the lowest threshold is 0.7000" in nothing_sure(
        LabelsReport(OWN_ENSEMBLE, {"0": FOLD, "all": none})
    )
    never = replace(none, thresholds={"Glass": None})
    assert "and no class has a threshold" in nothing_sure(LabelsReport(OWN_ENSEMBLE, {"0": never}))


def test_reports_survive_json() -> None:
    document = json.loads(json.dumps(ROUND.to_json()))
    assert LabelsReport.from_json(document["labels"]) == LABELS
    assert GateReport.from_json(document["gate"]) == KEPT
    assert asdict(GateReport.from_json(json.loads(json.dumps(asdict(GateReport(False, "x")))))) == asdict(
        GateReport(False, "x")
    )
