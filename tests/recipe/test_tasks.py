import pytest
from pydantic import ValidationError

from recycle.recipe import Recipe
from recycle.recipe_yaml import load_recipe, write_recipe
from tests.recipes import example_content

SMP = {"name": "fpn", "family": "smp", "image_size": 64, "epochs": 1, "batch_size": 1}


def recipe(**changes: object) -> Recipe:
    return Recipe.model_validate({"name": "r", "task": "segmentation", "models": [SMP], **changes})


def test_a_recipe_finds_boxes_unless_told_otherwise() -> None:
    assert Recipe.model_validate(example_content()).task == "detection"
    assert recipe().task == "segmentation"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "detection"}, "task is 'detection', but family 'smp' of model 'fpn' is for segmentation"),
        ({"models": [SMP, example_content()["models"][1]]}, "but family 'yolov5' of model 'yolov5' is for detection"),
        ({"fusion": {"trials": 3}}, "fusion must not be set where task is 'segmentation'"),
        (
            {"models": [SMP, {**SMP, "name": "other", "label_map_size": 128}]},
            "label_map_size must be the same for all models, but got {'fpn': 256, 'other': 128}",
        ),
        ({"voting": {"methods": ["soft", "soft"]}}, "methods must be different, but 'soft' is repeated"),
        (
            {"pseudo_labels": {"mixing": "mixup"}},
            "pseudo_labels.mixing must be 'side_by_side' where task is 'segmentation', as a pixel of two images",
        ),
        ({"voting": {"crf": {"window": 4}}}, "window must be odd, but got 4"),
    ],
)
def test_models_and_settings_must_be_of_the_task(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError) as error:
        recipe(**changes)
    assert message in str(error.value)


def test_votes_are_not_for_boxes() -> None:
    with pytest.raises(ValidationError, match="voting must not be set where task is 'detection'"):
        Recipe.model_validate({**example_content(), "voting": {"trials": 3}})


def test_a_recipe_with_every_default_spelled_out_is_the_same(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("recipe") / "recipe.yaml"
    for one in (recipe(voting={"crf": {}}), Recipe.model_validate(example_content())):
        write_recipe(one, path)
        assert load_recipe(str(path)) == one
