"""What a recipe can say of training: losses, optimisers, averages, phases and folds."""

from typing import Any

import pytest

from recycle.recipe import Recipe
from recycle.recipe.ineffective import settings_without_effect
from recycle.recipe.training import ModelSettings
from recycle.recipe_violations import violations
from recycle.recipe_yaml import differences
from tests.recipes import example_content

FOCAL, CROSS_ENTROPY = {"type": "focal"}, {"type": "cross_entropy"}
ATSS = {"family": "atss", "backbone": "efficientnet_lite0"}
EFFICIENTDET = {"family": "efficientdet", "size": "lite0"}


def content_with(**changes: Any) -> dict[str, Any]:
    """The example with one model, a Cascade R-CNN unless told otherwise; None leaves a key out."""
    content = example_content()
    (model, _) = content.pop("models")
    if "family" in changes:
        model = {key: model[key] for key in ("name", "image_size", "epochs", "batch_size")}
    model |= changes
    return {**content, "models": [{key: value for key, value in model.items() if value is not None}]}


def model_with(**changes: Any) -> ModelSettings:
    return Recipe.model_validate(content_with(**changes)).models[0]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {**EFFICIENTDET, "losses": {"classification": [FOCAL]}},
            "models.0: losses.classification cannot be set, as family 'efficientdet' has only its own, but got 'focal'",
        ),
        (
            {**ATSS, "losses": {"classification": [CROSS_ENTROPY]}},
            "models.0: losses.classification of family 'atss' must be one of focal, but got 'cross_entropy'",
        ),
        (
            {**ATSS, "losses": {"box": "smooth_l1"}},
            "models.0: losses.box of family 'atss' must be one of giou, ciou, but got 'smooth_l1'",
        ),
        (
            {**ATSS, "losses": {"classification": [FOCAL, FOCAL]}},
            "models.0: losses.classification must hold one loss, but got 2",
        ),
        (
            {"losses": {"classification": [FOCAL, CROSS_ENTROPY]}},
            "models.0: losses.classification must hold one loss or one for each of the 3 box heads, but got 2",
        ),
        (
            {**EFFICIENTDET, "losses": {"balance_classes": True}},
            "models.0: losses.balance_classes cannot be used, as the loss of family 'efficientdet' takes no class "
            "weights",
        ),
        (
            {"losses": {"balance_classes": True, "class_weights": {"Battery": 2}}},
            "models.0.losses: class_weights must not stand beside balance_classes, but got {'Battery': 2.0}",
        ),
        (
            {"losses": {"class_weights": {"Battery": 0}}},
            "models.0.losses.class_weights.Battery: Input should be greater than 0, but got 0",
        ),
        (
            {"phases": [{"epochs": 8, "losses": {"classification": [FOCAL, FOCAL]}}]},
            "models.0: losses.classification must hold one loss or one for each of the 3 box heads, but got 2",
        ),
        (
            {"phases": [{"epochs": 3}, {"epochs": 4}]},
            "models.0: epochs must be the sum of its phases' epochs, 7, but got 8",
        ),
        (
            {"phases": [{"epochs": 8, "augmentations": []}]},
            "models.0.phases.0.augmentations: augmentations must hold exactly one 'resize', but got 0",
        ),
        (
            {"phases": [{"epochs": 8, "batch_size": 4}]},
            "models.0.phases.0.batch_size: there is no such key",
        ),
        ({"optimizer": {"lr": -1}, "phases": [{"epochs": 8}]}, "models.0.optimizer.lr: Input should be greater than 0"),
        ({"phases": 3}, "models.0.phases: Input should be a valid list, but got 3"),
        (
            {"optimizer": {"layer_decay": 0.9}},
            "models.0: optimizer.layer_decay needs a backbone with the blocks of a transformer, but backbone is "
            "'efficientnet_lite0', and got layer_decay=0.9",
        ),
        ({"precision": "fp16"}, "models.0: precision 'fp16' needs a GPU, but resources.num_gpus is 0"),
        (
            {"multi_scale": {"min": 0.9, "max": 0.95}, "image_size": 64},
            "models.0: multi_scale must leave a multiple of 32, but between 0.9 and 0.95 times image_size=64 there is "
            "none",
        ),
        ({"averaging": {"type": "ema", "decay": 1}}, "models.0.averaging.decay: Input should be less than 1"),
        ({"averaging": {"type": "mean"}}, "models.0.averaging.type: Input should be one of 'ema', 'swa'"),
        ({"folds": [0, 2]}, "recipe: folds of model 'cascade-rcnn' must be from 0 to 1, as data.folds is 2, but got 2"),
        ({"folds": [-1]}, "models.0.folds.0: Input should be the number of a fold, from 0, or 'all', but got -1"),
        ({"folds": ["al"]}, "models.0.folds.0: Input should be the number of a fold, from 0, or 'all', but got 'al'"),
        ({"folds": [1, 1]}, "models.0.folds: folds must differ, but 1 is repeated"),
        (
            {"folds": ["all"]},
            "models.0.folds: folds must hold at least one numbered fold, as a model's weight in the ensemble is tuned "
            "on predictions of images that it never saw, but got ['all']",
        ),
        ({"name": "model-all"}, "models.0.name: a model's name must not end in '-all', but got 'model-all'"),
    ],
)
def test_wrong_settings_are_refused_by_name(changes: dict[str, Any], line: str) -> None:
    (violation,) = violations(content_with(**changes))
    assert violation.line.startswith(line)


def test_a_phase_inherits_what_it_does_not_say() -> None:
    model = model_with(
        epochs=None,
        optimizer={"type": "adamw", "lr": 0.1},
        losses={"box": "giou"},
        averaging={"type": "ema"},
        phases=[
            {"epochs": 40},
            {
                "epochs": 12,
                "optimizer": {"lr": 0.01},
                "losses": {"classification": [FOCAL]},
                "augmentations": [{"type": "resize"}],
                "averaging": None,
            },
        ],
    )
    first, second = model.in_phases()
    assert model.epochs == 52
    assert [phase.epochs for phase in (first, second)] == [40, 12]
    assert (first.optimizer, first.losses, first.averaging) == (model.optimizer, model.losses, model.averaging)
    assert (second.optimizer.type, second.optimizer.lr) == ("adamw", 0.01)
    assert (second.losses.box, second.losses.classification[0].type) == ("giou", "focal")
    assert len(second.augmentations) == 1
    assert second.averaging is None
    assert second.phases == ()
    assert (second.name, second.image_size) == (model.name, model.image_size)


def test_a_model_without_phases_is_its_own_only_phase() -> None:
    model = model_with()
    assert model.in_phases() == (model,)


def test_a_recipe_with_phases_survives_being_written() -> None:
    recipe = Recipe.model_validate(
        content_with(
            epochs=None,
            optimizer={"type": "sgd", "lr": 0.5},
            folds=[0, "all"],
            losses={"class_weights": {"Battery": 3}},
            phases=[{"epochs": 3}, {"epochs": 2, "optimizer": {"lr": 0.1}}],
        )
    )
    assert Recipe.model_validate(recipe.model_dump(mode="json")) == recipe


def test_the_schema_lets_phases_stand_for_epochs() -> None:
    schema = Recipe.model_json_schema()["$defs"]
    assert "epochs" not in schema["CascadeRCNN"]["required"]
    assert "epochs" in schema["Phase"]["required"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, []),
        (
            {"optimizer": {"type": "adamw", "momentum": 0.5}},
            ["optimizer.momentum=0.5: only sgd uses it, but the optimiser is adamw"],
        ),
        (
            {"optimizer": {"schedule": "one_cycle", "warmup_steps": 9}},
            ["optimizer.warmup_steps=9: one_cycle has a rise of its own"],
        ),
        (
            {"losses": {"classification": [{"type": "label_smoothing", "smoothing": 0}]}},
            ["losses.classification: label_smoothing with these settings is plain cross_entropy"],
        ),
        (
            {"losses": {"class_weights": {"Paper": 1, "Battery": 1}}},
            ["losses.class_weights: every class weighs 1 without them too"],
        ),
        (
            {"multi_scale": {"min": 1, "max": 1.1}},
            ["multi_scale: 192 is the only multiple of 32 in its range"],
        ),
        (
            {"augmentations": [{"type": "resize"}, {"type": "blur", "probability": 0}]},
            ["augmentations.1.probability=0: blur is never applied"],
        ),
        (
            {"averaging": {"type": "swa", "start": 0.9}},
            ["averaging.start=0.9: of 8 epochs only the last is averaged"],
        ),
        (
            {
                "optimizer": {"type": "adam", "momentum": 0.5},
                "phases": [{"epochs": 4}, {"epochs": 4}],
            },
            ["optimizer.momentum=0.5: only sgd uses it, but the optimiser is adam"],
        ),
    ],
)
def test_settings_without_effect_are_told(changes: dict[str, Any], told: list[str]) -> None:
    assert list(settings_without_effect(model_with(**changes))) == told


def test_folds_may_be_added_to_a_run_but_losses_may_not_change() -> None:
    recipe, more, other = (
        Recipe.model_validate(content_with(**changes))
        for changes in ({}, {"folds": [0, 1, "all"]}, {"losses": {"box": "giou"}})
    )
    assert differences(recipe, more) == differences(more, recipe) == []
    assert differences(recipe, other) == ["models.0.losses.box: None -> giou"]
