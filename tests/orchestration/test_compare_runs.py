"""Comparing runs: on what both annotate alike, under whatever ids, and never on anything else."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recycle.data.coco import Category, Dataset
from recycle.errors import RecycleError
from recycle.evaluation.detection import evaluate
from recycle.orchestration.compare_runs import compare_runs
from recycle.predictions.values import Predictions
from tests.evaluation.scenes import random_predictions, random_truth
from tests.orchestration.recorded_runs import begin_run, finish_run, train_model
from tests.recipes import example_recipe, example_with

RNG = np.random.default_rng(0)
TRUTH = random_truth(RNG)
GOOD, POOR = random_predictions(RNG, TRUTH, boxes=600), random_predictions(RNG, TRUTH, boxes=60)


def run_of(root: Path, predictions: Predictions, truth: Dataset = TRUTH) -> Path:
    """A finished run whose one model is its ensemble."""
    paths = begin_run(root, truth)
    train_model(paths, truth, "yolov5", predictions)
    finish_run(paths, truth, predictions, {"yolov5": predictions})
    return root


def moved(truth: Dataset, predictions: Predictions, by: int) -> tuple[Dataset, Predictions]:
    """The same images in the opposite order under other ids, with the annotations in another order."""
    other = Dataset(
        truth.folder,
        truth.categories,
        tuple(replace(image, id=by - image.id) for image in truth.images),
        tuple(replace(one, image_id=by - one.image_id) for one in reversed(truth.annotations)),
    )
    ids = tuple(np.sort(by - ids) for ids in predictions.coverage)
    return other, replace(predictions, image_ids=by - predictions.image_ids, coverage=ids)


def test_each_run_is_compared_with_the_first(tmp_path: Path) -> None:
    roots = [run_of(tmp_path / name, one) for name, one in (("a", GOOD), ("b", POOR), ("c", GOOD))]
    comparison = compare_runs(roots)
    assert [one.name for one in comparison.runs] == ["a", "b", "c"]
    assert comparison.runs[0].scores == {name: evaluate(TRUTH, GOOD).map50 for name in ("ensemble", "yolov5")}
    assert [(one.run, one.base, one.competitor, one.verdict) for one in comparison.scores] == [
        ("b", "a", "ensemble", "worse"),
        ("b", "a", "yolov5", "worse"),
        ("c", "a", "ensemble", "not told apart"),
        ("c", "a", "yolov5", "not told apart"),
    ]
    good, poor = (evaluate(TRUTH, one).map50 or 0 for one in (GOOD, POOR))
    assert comparison.scores[0].difference == pytest.approx(poor - good)
    assert (comparison.scores[2].difference, comparison.remarks, comparison.recipes) == (0, (), ())


def test_classes_are_compared_where_there_are_objects(tmp_path: Path) -> None:
    blind = replace(GOOD, labels=np.where(GOOD.labels == 0, 4, GOOD.labels))
    classes = compare_runs([run_of(tmp_path / "a", blind), run_of(tmp_path / "b", GOOD)]).classes
    assert [one.name for one in classes] == [f"class {label}" for label in range(4)]
    for one in classes:
        assert one.score == pytest.approx(evaluate(TRUTH, GOOD).classes[one.name].map50)
        assert one.base_score == pytest.approx(evaluate(TRUTH, blind).classes[one.name].map50)
        assert one.interval.low <= one.difference <= one.interval.high
    assert [one.verdict for one in classes] == ["better", *["not told apart"] * 3]


def test_images_are_told_by_their_names_whatever_their_ids(tmp_path: Path) -> None:
    truth, predictions = moved(TRUTH, GOOD, by=1000)
    roots = [run_of(tmp_path / "a", GOOD), run_of(tmp_path / "b", predictions, truth)]
    comparison = compare_runs(roots)
    assert [one.difference for one in comparison.scores] == [0, 0]
    assert comparison.remarks == ()


def test_only_images_that_both_annotate_alike_count(tmp_path: Path) -> None:
    first = TRUTH.annotations[0]
    x, y, width, height = first.bbox
    other = replace(TRUTH, annotations=(replace(first, bbox=(x, y, width / 2, height)), *TRUTH.annotations[1:]))
    fewer = other.subset([image.id for image in other.images if image.id not in (0, first.image_id + 1)])
    predictions = GOOD.of_images([image.id for image in fewer.images])
    comparison = compare_runs([run_of(tmp_path / "a", GOOD), run_of(tmp_path / "b", predictions, fewer)])
    assert {one.images for one in comparison.scores} == {27}
    assert [one.difference for one in comparison.scores] == [0, 0]
    told = "b and a are compared on 27 training images that both annotate alike; a has 30, b 28, and 1 are annotated"
    assert comparison.remarks[0].startswith(told)


def test_other_classes_or_no_common_image_leave_the_recipes(tmp_path: Path) -> None:
    renamed = replace(TRUTH, categories=tuple(Category(one.id, one.name.upper()) for one in TRUTH.categories))
    elsewhere = replace(TRUTH, images=tuple(replace(one, file_name=f"x{one.id}.jpg") for one in TRUTH.images))
    roots = [run_of(tmp_path / name, GOOD, one) for name, one in (("a", TRUTH), ("b", renamed), ("c", elsewhere))]
    comparison = compare_runs(roots)
    assert (comparison.scores, comparison.classes) == ((), ())
    assert comparison.remarks == (
        "b has other classes than a, so their scores are not compared.",
        "c and a have no training image in common, so their scores are not compared.",
    )


def test_an_unfinished_run_is_compared_as_far_as_it_has_come(tmp_path: Path) -> None:
    paths = begin_run(tmp_path / "b", TRUTH, example_with("models.1.epochs=3"))
    train_model(paths, TRUTH, "yolov5", POOR)
    train_model(paths, TRUTH, "cascade-rcnn", GOOD.of_images(range(20)))
    whole = run_of(tmp_path / "a", GOOD)
    comparison = compare_runs([whole, paths.root])
    assert [one.competitor for one in comparison.scores] == ["yolov5"]
    assert comparison.remarks == ("b has not finished, so there is no ensemble of it to compare.",)
    assert [(one.key, one.values) for one in comparison.recipes] == [("models.yolov5.epochs", ("12", "3"))]
    train_model(paths, TRUTH, "yolov5", POOR.of_images(range(20)))
    assert compare_runs([whole, paths.root]).remarks[-1] == (
        "yolov5 is not compared between b and a, as it predicted other images in each."
    )


def test_runs_of_one_name_are_told_by_the_folders_above(tmp_path: Path) -> None:
    roots = [run_of(tmp_path / name / "run", GOOD) for name in ("a", "b")]
    assert [one.name for one in compare_runs(roots).runs] == ["a/run", "b/run"]
    with pytest.raises(RecycleError, match="must be different ones"):
        compare_runs([roots[0], roots[0]])
    with pytest.raises(RecycleError, match="must be at least 2, but got 1"):
        compare_runs(roots[:1])


def test_a_recipe_with_another_model_says_so_in_one_line(tmp_path: Path) -> None:
    recipe = example_recipe()
    one = begin_run(tmp_path / "a", TRUTH, recipe)
    other = begin_run(tmp_path / "b", TRUTH, recipe.model_copy(update={"models": recipe.models[:1]}))
    comparison = compare_runs([one.root, other.root])
    assert [(row.key, row.values) for row in comparison.recipes] == [("models.yolov5", ("yolov5", None))]
