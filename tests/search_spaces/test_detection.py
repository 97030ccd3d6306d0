"""Spaces of every family: their start changes nothing, and whatever they suggest is valid."""

import optuna
import pytest

from recycle.recipe import Model
from recycle.recipe.changes import model_named, with_changes
from recycle.recipe_yaml import load_recipe
from search_spaces.detection import space, start
from search_spaces.training import OPTIONAL

MODELS = [
    pytest.param(recipe, model, id=f"{recipe}-{model.name}")
    for recipe in ("all-families", "reference", "champion")
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
        trial = study.ask()
        changes = space(trial, model)
        assert model_named(with_changes(whole, model.name, changes), model.name) != model


def test_everything_is_tried_of_a_cascade() -> None:
    model = load_recipe("demo").models[0]
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    trials = [study.ask() for _ in range(200)]
    changes = [space(trial, model) for trial in trials]
    keys = {key for one in changes for key in one}
    assert keys == {"optimizer", "losses", "augmentations", "multi_scale", "image_size"}
    asked = {name for trial in trials for name in trial.params}
    assert {"loss_of_head_1", "loss_of_head_3", "crop_area", "lr_sgd", "p_mosaic", "p_mixup"} <= asked
    used = {step["type"] for one in changes for step in one.get("augmentations", ())}
    assert {*OPTIONAL, "mosaic", "mixup", "resize", "horizontal_flip"} == used


def test_losses_of_heads_are_asked_for_only_where_they_are_other() -> None:
    model = load_recipe("demo").models[0]
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(40):
        trial = study.ask()
        space(trial, model)
        is_other = trial.params["classification_losses"] == "other"
        assert ("loss_of_head_2" in trial.params) == is_other


def test_what_mixes_stands_behind_the_resize() -> None:
    model = load_recipe("demo").models[1]
    parameters = {**start(model)[0], "p_mosaic": 0.5, "with_rotate_90": True, "with_colour": False}
    steps = space(optuna.trial.FixedTrial(parameters), model)["augmentations"]  # type: ignore[arg-type]
    assert [step["type"] for step in steps] == ["rotate_90", "resize", "horizontal_flip", "mosaic"]
