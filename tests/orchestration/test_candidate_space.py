"""Spaces are found, tried and refused by name before anything trains."""

import pytest

from recycle.errors import RecipeError
from recycle.orchestration.candidate_space import candidate_space
from tests.recipes import example_recipe

HERE = "tests.orchestration.spaces_for_tests"


def refused(name: str) -> str:
    recipe = example_recipe()
    with pytest.raises(RecipeError) as caught:
        candidate_space(name, recipe, recipe.models[0])
    return str(caught.value)


@pytest.mark.parametrize("name", ["rates", "rates_of_a_model"])
def test_spaces_of_a_user_are_found(name: str) -> None:
    recipe = example_recipe()
    assert candidate_space(f"{HERE}:{name}", recipe, recipe.models[0]).start == []


def test_the_shipped_space_begins_with_the_model_as_it_is() -> None:
    recipe = example_recipe()
    space = candidate_space("search_spaces.detection:space", recipe, recipe.models[0])
    assert space.start[0]["lr_factor"] == 1.0


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nowhere.at_all:space", "search.space nowhere.at_all:space: the module nowhere.at_all cannot be imported"),
        ("search_spaces.detection:spice", "the module search_spaces.detection has no function 'spice'"),
        (
            f"{HERE}:unknown_key",
            "does not suit model 'cascade-rcnn': models.0.optimizer.learning_rate: there is no such",
        ),
        (f"{HERE}:empty_range", "fails at parameter 'lr': "),
        (f"{HERE}:no_choices", "fails at parameter 'side': "),
        (f"{HERE}:of_segmentation", "does not suit model 'cascade-rcnn': models.0.decoder: there is no such key"),
        (f"{HERE}:nothing", "suggests nothing that model 'cascade-rcnn' could use"),
        (f"{HERE}:idle", "suggests nothing that model 'cascade-rcnn' could use"),
        (f"{HERE}:no_dict", "must give a dict of changes by key, but got 0."),
        (f"{HERE}:sometimes_wrong", "models.0.image_size: Input should be greater than or equal to 32, but got 16"),
    ],
)
def test_bad_spaces_are_refused_by_name(name: str, told: str) -> None:
    assert told in refused(name)
