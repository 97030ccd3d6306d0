import dataclasses
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recycle.data.coco import Dataset
from recycle.data.folds import Folds, make_folds, read_folds, split_test, write_folds
from recycle.errors import DataError
from tests.data.small_dataset import dataset_of

CLASSES = 4


@st.composite
def grouped(draw: st.DrawFn) -> tuple[Dataset, npt.NDArray[np.int64]]:
    """A data set with images without annotations and rare classes, and at least as many groups as folds."""
    labels = draw(st.lists(st.lists(st.integers(0, CLASSES - 1), max_size=4), min_size=8, max_size=30))
    groups = draw(st.lists(st.integers(0, 12), min_size=len(labels), max_size=len(labels)))
    groups[:5] = range(20, 25)
    return dataset_of(labels, CLASSES), np.array(groups, np.int64)


@settings(max_examples=60, deadline=None)
@given(data=grouped(), count=st.integers(2, 5), seed=st.integers(0, 2**31))
def test_folds_are_disjoint_grouped_complete_and_repeatable(
    data: tuple[Dataset, npt.NDArray[np.int64]], count: int, seed: int
) -> None:
    dataset, groups = data
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        folds = make_folds(dataset, groups, count, seed)
    assert folds.assignment.keys() == {image.file_name for image in dataset.images}
    assert set(folds.assignment.values()) == set(range(count))
    fold = np.array([folds.assignment[image.file_name] for image in dataset.images])
    assert all(len(set(fold[groups == group])) == 1 for group in groups)
    for label, name in enumerate(dataset.class_names):
        images = [a.image_id for a in dataset.annotations if a.category_id == label]
        assert list(folds.class_counts[name]) == np.bincount(fold[images], minlength=count).tolist()
        held = len(set(groups[images]))
        assert folds.rare_classes.get(name, count) == min(held, count)
    order = np.random.default_rng(seed).permutation(len(dataset.images))
    shuffled = dataclasses.replace(dataset, images=tuple(dataset.images[index] for index in order))
    assert make_folds(shuffled, groups[order] + 3, count, seed) == folds


@settings(max_examples=60, deadline=None)
@given(data=grouped(), share=st.sampled_from([(0.2, 5), (0.25, 4), (0.5, 2), (2 / 3, 3)]), seed=st.integers(0, 2**31))
def test_the_test_part_is_grouped_and_complete(
    data: tuple[Dataset, npt.NDArray[np.int64]], share: tuple[float, int], seed: int
) -> None:
    (dataset, groups), (fraction, parts) = data, share
    held = {label: {groups[a.image_id] for a in dataset.annotations if a.category_id == label} for label in range(4)}
    lone = {label: found for label, found in held.items() if len(found) == 1}
    if len(set(groups).difference(*lone.values())) < parts:
        with pytest.raises(DataError, match="cannot be divided"):
            split_test(dataset, groups, fraction, seed)
        return
    train, test = split_test(dataset, groups, fraction, seed)
    inside = {image.id for image in test.images}
    assert 0 < len(inside) < len(dataset.images)
    assert {image.id for image in train.images} == {image.id for image in dataset.images} - inside
    assert len(train.annotations) + len(test.annotations) == len(dataset.annotations)
    assert not {groups[i] for i in inside} & {groups[image.id] for image in train.images}
    assert not set(lone) & {annotation.category_id for annotation in test.annotations}
    assert split_test(dataset, groups, fraction, seed) == (train, test)


def long_tailed(images: int) -> Dataset:
    rng = np.random.default_rng(5)
    return dataset_of([rng.choice(4, rng.integers(0, 8), p=[0.6, 0.25, 0.1, 0.05]).tolist() for _ in range(images)], 4)


def test_each_fold_has_its_share_of_images_and_classes() -> None:
    dataset = long_tailed(200)
    folds = make_folds(dataset, np.arange(200), 5, seed=1)
    assert max(folds.image_counts) - min(folds.image_counts) <= 2
    totals = np.bincount(dataset.boxes().labels)
    for label, counts in enumerate(folds.class_counts.values()):
        assert max(counts) - min(counts) <= max(2, 0.05 * totals[label])
        for fold, ratios in enumerate(folds.class_ratios):
            assert ratios[f"class {label}"].annotations == counts[fold]
    assert [sum(share for _, share in fold.values()) for fold in folds.class_ratios] == pytest.approx([1] * 5)
    assert not folds.rare_classes


def test_another_seed_gives_other_folds() -> None:
    dataset = long_tailed(60)
    assert make_folds(dataset, np.arange(60), 3, seed=1) != make_folds(dataset, np.arange(60), 3, seed=2)


@pytest.mark.parametrize(("fraction", "images"), [(0.2, 40), (0.15, 30), (0.5, 100), (0.75, 150)])
def test_the_test_part_has_its_share(fraction: float, images: int) -> None:
    dataset = long_tailed(200)
    train, test = split_test(dataset, np.arange(200), fraction, seed=0)
    assert abs(len(test.images) - images) <= 4
    shares = np.bincount(test.boxes().labels, minlength=4) / np.bincount(dataset.boxes().labels)
    assert np.abs(shares - fraction).max() < 0.06
    assert train.class_names == dataset.class_names


def test_rare_classes_are_named_in_the_table() -> None:
    dataset = dataset_of([[0, 1], [0], [0, 2], [0, 2], [0], [0]], 4)
    folds = make_folds(dataset, np.array([0, 1, 2, 3, 4, 4]), 3, seed=0)
    assert folds.rare_classes == {"class 1": 1, "class 2": 2, "class 3": 0}
    assert "class 1 is in 1 group of images only and cannot be in each of 3 folds" in folds.table()
    assert "class 2 is in 2 groups of images only" in folds.table()
    assert folds.table().splitlines()[1].split() == ["images", *map(str, folds.image_counts)]


SIX = dataset_of([[0]] * 6, 1)


@pytest.mark.parametrize(
    ("count", "groups", "message"),
    [
        (1, [0, 1, 2, 3, 4, 5], "at least 2 folds, but got count=1"),
        (3, [0, 0, 0, 1, 1, 1], "2 groups of near-duplicate images cannot be divided into 3 parts"),
        (2, [0, 1], r"6 groups, one an image, but got shape \(2,\)"),
    ],
)
def test_impossible_folds_are_refused(count: int, groups: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_folds(SIX, np.array(groups), count, seed=0)


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.5, 3.0, float("nan"), 0.001, 0.999])
def test_impossible_fractions_are_refused(fraction: float) -> None:
    with pytest.raises(DataError, match=f"fraction={fraction}"):
        split_test(SIX, np.arange(6), fraction, seed=0)


@pytest.fixture
def folds_file(tmp_path: Path) -> Path:
    write_folds(make_folds(long_tailed(30), np.arange(30), 3, seed=0), tmp_path / "folds.json")
    return tmp_path / "folds.json"


def test_round_trip(folds_file: Path) -> None:
    assert read_folds(folds_file) == make_folds(long_tailed(30), np.arange(30), 3, seed=0)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda d: d.pop("count"), "'count'"),
        (lambda d: d.update(count=2.0), "2.0"),
        (lambda d: d.update(count=True), "True"),
        (lambda d: d.update(count=4), "fold 3 is empty"),
        (lambda d: d["assignment"].update({"00000.jpg": 3}), "'00000.jpg' must be 0 to 2, but got fold=3"),
        (lambda d: d["assignment"].update({"00000.jpg": "1"}), "'1'"),
        (lambda d: d.update(assignment=[]), "items"),
        (
            lambda d: d.update(class_counts={"class 0": [1, 2]}),
            r"'class 0' must have 3 counts from 0, but got \[1, 2\]",
        ),
        (lambda d: d["images"].append(1), "do not fit together"),
        (lambda d: d.update(more=1), "do not fit together"),
    ],
)
def test_a_damaged_file_is_refused(folds_file: Path, spoil: Any, message: str) -> None:
    document = json.loads(folds_file.read_text())
    spoil(document)
    folds_file.write_text(json.dumps(document))
    with pytest.raises(DataError, match=rf"folds\.json: .*{message}"):
        read_folds(folds_file)


def test_another_json_file_is_refused(folds_file: Path) -> None:
    folds_file.write_text("[]")
    with pytest.raises(DataError, match="an object is needed, but got"):
        read_folds(folds_file)


def test_an_empty_fold_cannot_be_made() -> None:
    with pytest.raises(DataError, match="fold 1 is empty"):
        Folds(2, {"a.jpg": 0}, {}, {})
