import pytest

from recycle.data.findings import Findings, ValidationReport
from recycle.errors import DataError


def many(count: int) -> Findings:
    findings = Findings(["clip_boxes"])
    for index in range(count):
        findings.add("box_empty", f"{index}.jpg", f"annotation {index}", "bbox")
    findings.add("box_partly_outside", "a.jpg", "annotation 900", "bbox")
    findings.add("unknown_image", "annotations.json", "annotation 901", "image_id=5")
    return findings


def test_an_error_lists_each_rule_and_at_most_about_twenty_records() -> None:
    with pytest.raises(DataError) as caught:
        many(100).report().raise_on_errors()
    lines = str(caught.value).splitlines()
    assert lines[0] == "the data set has 101 errors:"
    assert lines[1] == "unknown_image (1): an annotation must be of an image in the file"
    assert lines[2] == "  annotations.json, annotation 901: image_id=5"
    assert lines[3].startswith("box_empty (100): a box must have an area; `data.repair: [drop_empty_boxes]`")
    assert lines[-1] == "and 81 more; see data/validation.json in the run folder"
    assert len([line for line in lines if line.startswith("  ")]) == 20
    assert "clip_boxes" not in str(caught.value)


def test_few_errors_are_all_listed() -> None:
    with pytest.raises(DataError) as caught:
        many(3).report().raise_on_errors()
    assert "more; see" not in str(caught.value)
    assert "2.jpg, annotation 2: bbox" in str(caught.value)


def test_warnings_do_not_raise() -> None:
    report = many(0).report()
    ValidationReport(tuple(f for f in report.findings if f.severity == "warning")).raise_on_errors()


def test_table_counts_and_shows_examples() -> None:
    table = many(5).report().table()
    assert [line.split() for line in table.splitlines() if not line.startswith("    ")] == [
        ["severity", "rule", "count", "repair"],
        ["error", "unknown_image", "1", "-"],
        ["error", "box_empty", "5", "drop_empty_boxes"],
        ["warning", "box_partly_outside", "1", "clip_boxes"],
    ]
    assert table.count("annotation") == 5 + 1  # three examples of box_empty, one of the others, the file's name
    assert ValidationReport().table() == "nothing found"


def test_json_holds_counts_and_every_finding() -> None:
    document = many(30).report().to_json()
    assert document["counts"] == {"unknown_image": 1, "box_empty": 30, "box_partly_outside": 1}
    assert len(document["findings"]) == 32
    assert document["findings"][0] == {
        "severity": "error",
        "rule": "unknown_image",
        "file": "annotations.json",
        "record": "annotation 901",
        "value": "image_id=5",
        "repair": None,
    }


def test_an_unknown_rule_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError):
        Findings([]).add("no_such_rule", "a", "b", "c")
