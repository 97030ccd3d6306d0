"""The space of networks that label pixels: its start changes nothing, and whatever it suggests is valid."""

import optuna
import pytest

from recycle.recipe import Model
from recycle.recipe.changes import model_named, with_changes
from recycle.recipe_yaml import load_recipe
from search_spaces.segmentation import PIXELWISE_LOSSES, REGION_LOSSES, space, start
from search_spaces.training import OPTIONAL

MODELS = [
    pytest.param(recipe, model, id=f"{recipe}-{model.name}")
    for recipe in ("segmentation-demo", "segmentation")
    for model in load_recipe(recipe).models
]


@pytest.mark.parametrize(("recipe", "model"), MODELS)
def test_the_first_setting_leaves_the_model_as_it_is(recipe: str, model: Model) -> None:
    (parameters,) = start(model)
    assert space(optuna.trial.FixedTrial(parameters), model) == {}  # type: ignore[arg-type]


@pytest.mark.parametrize(("recipe", "model"), MODELS)
def test_whatever_is_suggested_is_a_model(recipe: str, model: Model) -> None:
    whole = load_recipe(recipe)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    for _ in range(12):
        changes = space(study.ask(), model)
        assert model_named(with_changes(whole, model.name, changes), model.name) != model


def test_everything_is_tried() -> None:
    model = load_recipe("segmentation-demo").models[0]
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    changes = [space(study.ask(), model) for _ in range(200)]
    losses = {loss["type"] for one in changes for loss in one.get("losses", {}).get("pixels", ())}
    assert losses == {*PIXELWISE_LOSSES, *REGION_LOSSES}
    used = {step["type"] for one in changes for step in one.get("augmentations", ())}
    assert {*OPTIONAL, "mosaic", "resize", "horizontal_flip"} <= used
    assert "mixup" not in used
