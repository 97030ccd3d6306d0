"""Models with other settings, as a search tries them."""

from typing import Any

import pytest

from recycle.errors import RecipeError
from recycle.recipe import Recipe, SmallStage
from recycle.recipe.changes import model_named, shrunk, with_changes
from recycle.recipe_yaml import load_recipe
from tests.recipes import example_recipe

NAME = "yolov5"


def changed(**changes: Any) -> Any:
    return model_named(with_changes(example_recipe(), NAME, changes), NAME)


def test_nothing_changes_nothing() -> None:
    for name in ("demo", "reference", "champion", "roster"):
        recipe = load_recipe(name)
        assert with_changes(recipe, recipe.models[0].name, {}) == recipe


def test_parts_of_the_optimiser_change_on_their_own() -> None:
    before = model_named(example_recipe(), NAME).optimizer
    after = changed(optimizer={"lr": 0.5}).optimizer
    assert after == before.model_copy(update={"lr": 0.5})


def test_only_the_model_of_that_name_changes() -> None:
    recipe = with_changes(example_recipe(), NAME, {"image_size": 64})
    assert [model.image_size for model in recipe.models] == [192, 64]


def test_every_phase_changes() -> None:
    recipe = with_changes(load_recipe("reference"), "swin-t", {"optimizer": {"lr": 0.5}, "image_size": 640})
    model = model_named(recipe, "swin-t")
    assert [(phase.optimizer.lr, phase.image_size) for phase in model.in_phases()] == [(0.5, 640)] * 2
    assert len(model.in_phases()[1].losses.classification) == 3


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"lr": 0.1}, "models.1.lr: there is no such key"),
        ({"optimizer": {"lrr": 0.1}}, "models.1.optimizer.lrr: there is no such key"),
        ({"optimizer": {"lr": -1}}, "models.1.optimizer.lr: Input should be greater than 0, but got -1"),
        ({"losses": {"box": "giou"}}, "losses.box cannot be set, as family 'yolov5' has only its own, but got 'giou'"),
        ({"augmentations": []}, "augmentations must hold exactly one 'resize', but got 0"),
    ],
)
def test_what_is_wrong_is_told_by_key(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(RecipeError) as caught:
        with_changes(example_recipe(), NAME, changes)
    assert told in str(caught.value)


def test_a_model_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(RecipeError, match="must be one of cascade-rcnn, yolov5, but got 'dino'"):
        model_named(example_recipe(), "dino")


@pytest.mark.parametrize(
    ("small", "image_size", "epochs", "validate_every"),
    [
        (SmallStage(), 192, 12, 1),
        (SmallStage(image_size=0.5, epochs=0.5), 96, 6, 1),
        (SmallStage(image_size=0.01, epochs=0.01), 32, 1, 1),
    ],
)
def test_small_models(small: SmallStage, image_size: int, epochs: int, validate_every: int) -> None:
    model = shrunk(model_named(example_recipe(), NAME), small)
    assert (model.image_size, model.epochs, model.validate_every) == (image_size, epochs, validate_every)


def test_small_phases_keep_their_share() -> None:
    model = shrunk(model_named(load_recipe("reference"), "swin-t"), SmallStage(epochs=0.25))
    assert [phase.epochs for phase in model.in_phases()] == [10, 3]
    assert (model.epochs, model.validate_every) == (13, 1)


@pytest.mark.parametrize(
    ("search", "told"),
    [
        ({"folds": [2]}, "search.folds must be from 0 to 1, as data.folds is 2, but got 2"),
        ({"folds": [0, 0]}, "folds must differ, but 0 is repeated"),
        ({"space": "nowhere"}, "String should match pattern"),
        ({"trails": 3}, "there is no such key|Extra inputs are not permitted"),
    ],
)
def test_searches_that_make_no_sense_are_refused(search: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        example_recipe(search=search)


def test_a_part_of_the_data_has_no_pasted_objects() -> None:
    content = example_recipe().model_dump(mode="json")
    content["data"]["copy_paste"] = {"additions": "median"}
    content["search"]["small"]["data_fraction"] = 0.5
    with pytest.raises(ValueError, match=r"search\.small\.data_fraction must be 1 where data\.copy_paste is set"):
        Recipe.model_validate(content)
