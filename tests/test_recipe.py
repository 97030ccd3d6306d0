"""Values that the recipe's types take and refuse; places in files are tested with the YAML."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from recycle.recipe import YOLO, CascadeRCNN, Colour, Data, Fusion, Optimizer, Recipe, Resize, Resources
from tests.recipes import example_content, example_recipe

CASCADE = {"name": "a", "family": "cascade_rcnn", "image_size": 64, "epochs": 1, "batch_size": 1}
YOLOV5 = {**CASCADE, "family": "yolov5", "size": "tiny"}


@pytest.mark.parametrize(
    ("build", "rule"),
    [
        (lambda: Data(folds=1), "greater than or equal to 2"),
        (lambda: Data(test_fraction=0), "greater than or equal to 0.05"),
        (lambda: Data(test_fraction=1), "less than or equal to 0.95"),
        (lambda: Data.model_validate({"repair": ["mend"]}), "drop_empty_boxes"),
        (lambda: Resize(type="resize", min_factor=2, max_factor=1), "must not exceed max_factor, but got 2.0 and 1.0"),
        (lambda: Colour(type="colour", contrast=1), "less than 1"),
        (lambda: Fusion(trials=1), "greater than or equal to 2"),
        (lambda: Fusion.model_validate({"metric": "map60"}), "'map50', 'map' or 'map75'"),
        (lambda: Fusion(methods=()), "at least 1 item"),
        (lambda: Fusion(methods=("nms",)), "methods must include 'wbf', but got 'nms'"),
        (lambda: Fusion(methods=("wbf", "nms", "nms")), "must be different, but 'nms' is repeated"),
        (lambda: Optimizer(lr=0), "greater than 0"),
        (lambda: Optimizer(lr=float("inf")), "finite"),
        (lambda: Optimizer(weight_decay=float("nan")), "finite"),
        (lambda: Optimizer(momentum=1), "less than 1"),
        (lambda: Optimizer(clip_grad_norm=0), "greater than 0"),
        (lambda: Resources(num_cpus=0), "greater than 0"),
        (lambda: Resources(num_gpus=1.5), "at most 1 or a whole number, but got num_gpus=1.5"),
        (lambda: CascadeRCNN.model_validate({**CASCADE, "name": "a/b"}), "match pattern"),
        (lambda: CascadeRCNN.model_validate({**CASCADE, "name": ".."}), "match pattern"),
        (lambda: CascadeRCNN.model_validate({**CASCADE, "name": "a-fold1"}), "must not contain '-fold'"),
        (lambda: CascadeRCNN.model_validate({**CASCADE, "augmentations": []}), "exactly one 'resize', but got 0"),
        (
            lambda: CascadeRCNN.model_validate({**CASCADE, "augmentations": [{"type": "resize"}] * 2}),
            "exactly one 'resize', but got 2",
        ),
        (lambda: CascadeRCNN.model_validate({**CASCADE, "backbone": "vgg"}), "resnet50"),
        (lambda: YOLO.model_validate({**YOLOV5, "size": "s"}), "only at size 'tiny', but got size='s'"),
        (lambda: example_recipe(models=[]), "at least 1 item"),
        (lambda: example_recipe(models=[CASCADE, YOLOV5]), "'a' is repeated"),
        (lambda: example_recipe(seed=2**31), "less than"),
        (lambda: example_recipe(seed=-1), "greater than or equal to 0"),
        (lambda: example_recipe(colour="red"), "Extra inputs"),
    ],
)
def test_wrong_values_are_refused(build: Callable[[], Any], rule: str) -> None:
    with pytest.raises(ValidationError) as caught:
        build()
    assert rule in str(caught.value)


@pytest.mark.parametrize("size", ["n", "s", "m", "l", "x"])
def test_yolov5_of_full_size_starts_from_scratch_or_a_file(size: str) -> None:
    for pretrained in ("none", "weights.pth"):
        assert YOLO.model_validate({**YOLOV5, "size": size, "pretrained": pretrained}).pretrained == pretrained


def test_families_are_told_apart_by_their_name() -> None:
    recipe = example_recipe(models=[CASCADE, {**YOLOV5, "name": "b"}])
    assert [type(model) for model in recipe.models] == [CascadeRCNN, YOLO]


def test_nothing_changes_after_validation() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        example_recipe().seed = 3  # type: ignore[misc]


def test_every_key_is_documented() -> None:
    schema = Recipe.model_json_schema()
    parts = {"Recipe": schema, **schema["$defs"]}
    tags = {"family", "type"}
    undocumented = [
        f"{name}.{key}"
        for name, part in parts.items()
        for key, field in part["properties"].items()
        if not {"description", "$ref"} & field.keys() and key not in tags
    ]
    assert undocumented == []


def test_defaults_are_valid() -> None:
    content = example_content()
    minimal = {"name": "x", "models": [{k: content["models"][0][k] for k in CASCADE}]}
    filled = Recipe.model_validate(minimal)
    assert Recipe.model_validate(filled.model_dump(mode="json")) == filled
