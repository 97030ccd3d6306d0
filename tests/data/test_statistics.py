"""Facts about data: that everything is counted, once, in its place."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recycle.data.coco import Dataset
from recycle.data.findings import Findings
from recycle.data.folds import make_folds
from recycle.data.json_files import write_json
from recycle.data.prepare import PreparedData
from recycle.data.statistics import MOST_BOXES, DataFacts, Histogram, SizeCounts, describe_data
from recycle.errors import DataError
from recycle.paths import RunPaths
from tests.data.small_dataset import dataset_of


def prepared_of(train: Dataset, groups: list[int] | None = None, test: Dataset | None = None) -> PreparedData:
    numbers = np.arange(len(train.images)) if groups is None else np.array(groups)
    empty = Dataset(train.folder, train.categories, (), ())
    folds = make_folds(train, numbers, 2, seed=0)
    return PreparedData(train, test or empty, folds, test is not None, {}, numbers, "digest")


def facts_of(root: Path, prepared: PreparedData) -> DataFacts:
    paths = RunPaths(root)
    if not paths.validation.is_file():
        write_json(Findings(()).report().to_json(), paths.validation)
    return describe_data(prepared, paths)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.lists(st.integers(0, 3), max_size=25), min_size=4, max_size=20))
def test_every_object_is_counted_once(tmp_path_factory: pytest.TempPathFactory, labels: list[list[int]]) -> None:
    train = dataset_of(labels, classes=4)
    facts = facts_of(tmp_path_factory.mktemp("run"), prepared_of(train))
    objects = sum(map(len, labels))
    folds = facts.parts[:-1]
    assert [part.name for part in facts.parts] == ["fold 0", "fold 1", "test"]
    assert sum(part.images for part in folds) == sum(facts.objects_an_image.counts) == len(labels)
    assert sum(part.empty_images for part in folds) == labels.count([]) == facts.objects_an_image.counts[0]
    assert sum(part.objects for part in folds) == sum(facts.sides.counts) == objects
    for name in facts.classes:
        assert sum(part.classes[name] for part in folds) == sum(asdict(facts.sizes[name]).values())
    assert all(imbalance >= 0 for imbalance in facts.imbalance.values())
    assert json.loads(json.dumps(asdict(facts), allow_nan=False))["classes"] == list(facts.classes)


def test_sizes_are_those_of_coco_by_recorded_area(tmp_path: Path) -> None:
    train = dataset_of([[0, 0, 0], [0, 0]], classes=2)
    areas = (1.0, 1023.0, 1024.0, 9216.0, 9217.0)
    sized = tuple(replace(one, area=area) for one, area in zip(train.annotations, areas, strict=True))
    facts = facts_of(tmp_path, prepared_of(replace(train, annotations=sized)))
    assert facts.sizes["class 0"] == SizeCounts(small=2, medium=2, large=1)
    assert facts.sizes["class 1"] == SizeCounts(0, 0, 0)
    edges, counts = np.array(facts.sides.edges), np.array(facts.sides.counts)
    for area in areas:
        place = np.searchsorted(edges, np.sqrt(area), side="right") - 1
        assert counts[place] >= 1
    assert np.allclose(edges[1:] / edges[:-1], np.sqrt(2))


def test_crowds_are_not_counted(tmp_path: Path) -> None:
    train = dataset_of([[0, 1], [0]], classes=2)
    crowd = tuple(replace(one, iscrowd=one.id == 0) for one in train.annotations)
    facts = facts_of(tmp_path, prepared_of(replace(train, annotations=crowd)))
    assert sum(part.objects for part in facts.parts) == 2


def test_many_objects_are_counted_together(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, prepared_of(dataset_of([[0] * 50, [0] * MOST_BOXES, [0]], classes=1)))
    assert facts.objects_an_image == Histogram(
        tuple(map(float, range(MOST_BOXES + 2))), (0, 1, *[0] * (MOST_BOXES - 2), 2)
    )


def test_uneven_folds_are_told(tmp_path: Path) -> None:
    prepared = prepared_of(dataset_of([[0, 1], [0], [0, 0, 1], [0], [2]], classes=4), groups=[0, 1, 2, 3, 4])
    facts = facts_of(tmp_path, prepared)
    assert facts.imbalance["class 2"] == 1
    assert facts.imbalance["class 1"] == 0
    assert "class 3" not in facts.imbalance
    assert facts.rare_classes == {"class 2": 1, "class 3": 0}


def test_near_duplicates_are_named_the_largest_group_first(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, prepared_of(dataset_of([[0]] * 7, classes=1), groups=[0, 1, 0, 2, 1, 3, 1]))
    assert facts.near_duplicates == (
        ("00001.jpg", "00004.jpg", "00006.jpg"),
        ("00000.jpg", "00002.jpg"),
    )


def test_the_test_part_comes_last_with_its_answers(tmp_path: Path) -> None:
    test = dataset_of([[1, 1], []], classes=2)
    facts = facts_of(tmp_path, prepared_of(dataset_of([[0], [1]], classes=2), test=test))
    part = facts.parts[-1]
    assert (part.name, part.images, part.empty_images, part.objects) == ("test", 2, 1, 2)
    assert part.classes == {"class 0": 0, "class 1": 2}
    assert facts.has_answers


def test_findings_are_told_by_rule_with_three_examples(tmp_path: Path) -> None:
    findings = Findings(["clip_boxes"])
    for number in range(5):
        findings.add("box_partly_outside", "a.json", f"annotation {number}", "<b>&</b>")
    findings.add("box_empty", "a.json", "annotation 9", "[0, 0, 0, 0]")
    write_json(findings.report().to_json(), RunPaths(tmp_path).validation)
    facts = facts_of(tmp_path, prepared_of(dataset_of([[0], [0]], classes=1)))
    empty, outside = facts.findings
    assert (empty.rule, empty.severity, empty.count, empty.repair) == ("box_empty", "error", 1, "drop_empty_boxes")
    assert (outside.count, outside.severity, len(outside.examples)) == (5, "warning", 3)
    assert outside.examples[0] == "a.json, annotation 0: <b>&</b>"


@pytest.mark.parametrize("content", ["[]", '{"findings": [1]}', '{"findings": [{"rule": "unheard of"}]}'])
def test_a_broken_record_of_findings_is_told(tmp_path: Path, content: str) -> None:
    path = RunPaths(tmp_path).validation
    path.parent.mkdir(parents=True)
    path.write_text(content)
    with pytest.raises(DataError, match=r"validation.json: not what a validator found"):
        facts_of(tmp_path, prepared_of(dataset_of([[0], [0]], classes=1)))
