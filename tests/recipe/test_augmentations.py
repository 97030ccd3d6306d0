import json
import re
from typing import Any, get_args

import pytest
from pydantic import TypeAdapter, ValidationError

from recycle.errors import RecipeError
from recycle.recipe import Augmentation, Mosaic
from recycle.recipe_yaml import json_schema
from tests.recipes import example_with, required_of

LIST = TypeAdapter(tuple[Augmentation, ...])
ALL_TYPES = [member.model_fields["type"].annotation for member in get_args(get_args(Augmentation)[0])]
NAMES = sorted(get_args(literal)[0] for literal in ALL_TYPES)
PUT = "models.1.augmentations="


def in_recipe(*augmentations: str) -> tuple[Augmentation, ...]:
    """Augmentations, as YAML, of a model in a whole recipe."""
    return example_with(PUT + f"[{', '.join(augmentations)}]").models[1].augmentations


def test_all_of_the_competition_are_there_and_in_the_schema() -> None:
    assert tuple(NAMES) == (
        *("additive_noise", "blur", "clahe", "colour", "crop_non_empty_mask", "emboss", "gauss_noise"),
        *("horizontal_flip", "hue_saturation_value", "median_blur", "mixup", "mosaic", "motion_blur", "one_of"),
        *("optical_distortion",),
        *("random_brightness_contrast", "random_crop", "random_resized_crop", "resize", "rgb_shift", "rotate_90"),
        *("sharpen", "shift_scale_rotate", "vertical_flip"),
    )
    schema = json_schema()
    assert all(f'"{name}"' in schema for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_each_may_be_named_alone(name: str) -> None:
    settings = json.dumps({"type": name, **required_of(name)})
    augmentations = in_recipe(*dict.fromkeys(['{"type": "resize"}', settings]))
    assert augmentations[-1].type == name
    assert augmentations[-1].model_dump()["type"] == name


@pytest.mark.parametrize(
    ("augmentation", "message"),
    [
        ("{type: ShiftScaleRotate}", "models.1.augmentations.1.type: Input should be one of "),
        ("{type: clahe, clip: 3}", "models.1.augmentations.1.clip: there is no such key"),
        ("{type: blur, kernel: 4}", "models.1.augmentations.1.kernel: a kernel's side must be odd, but got 4"),
        (
            "{type: motion_blur, kernel: 33}",
            "models.1.augmentations.1.kernel: Input should be less than or equal to 31",
        ),
        (
            "{type: mosaic, min_side: 0.6}",
            "models.1.augmentations.1.min_side: Input should be less than or equal to 0.5",
        ),
        ("{type: mixup, alpha: 0}", "models.1.augmentations.1.alpha: Input should be greater than 0, but got 0"),
        (
            "{type: mosaic, probability: 2}",
            "models.1.augmentations.1.probability: Input should be less than or equal to 1",
        ),
        ("{type: random_crop, min_visible: -1}", "models.1.augmentations.1.min_visible: Input should be greater than"),
        (
            "{type: gauss_noise, min_std: 0.3, max_std: 0.2}",
            "models.1.augmentations.1: min_std must not exceed max_std, but got 0.3 and 0.2",
        ),
        (
            "{type: random_resized_crop, min_ratio: 2}",
            "models.1.augmentations.1: min_ratio must not exceed max_ratio, but got 2.0 and 1.3333",
        ),
        (
            "{type: one_of, choices: [{type: blur}]}",
            "choices: Tuple should have at least 2 items after validation, not 1",
        ),
        (
            "{type: one_of, choices: [{type: blur, probability: 0}, {type: clahe, probability: 0}]}",
            "choices must hold one of a probability above 0, but got only 0",
        ),
        ("{type: one_of, choices: [{type: blur}, {type: mosaic}]}", "Input should be one of "),
        ("{type: resize}", "models.1.augmentations: augmentations must hold exactly one 'resize', but got 2"),
    ],
)
def test_wrong_settings_are_refused_with_key_rule_and_value(augmentation: str, message: str) -> None:
    with pytest.raises(RecipeError, match=re.escape(message)):
        in_recipe("{type: resize}", augmentation)


@pytest.mark.parametrize(
    ("types", "message"),
    [
        (
            ("mosaic", "resize"),
            "'mosaic' must stand behind 'resize', which makes sizes alike, but got mosaic -> resize",
        ),
        (("blur", "mixup", "resize"), "'mixup' must stand behind 'resize', which makes sizes alike"),
        (("resize", "mosaic", "mosaic"), "augmentations must hold 'mosaic' at most once, but got 2"),
        (("resize", "mixup", "mosaic", "mixup"), "augmentations must hold 'mixup' at most once, but got 2"),
        (("mosaic",), "augmentations must hold exactly one 'resize', but got 0"),
    ],
)
def test_lists_that_make_no_sense_are_refused(types: tuple[str, ...], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        in_recipe(*(f"{{type: {name}}}" for name in types))


@pytest.mark.parametrize("types", [("resize", "mosaic", "mixup"), ("random_crop", "resize", "mixup", "blur", "mosaic")])
def test_mixing_may_stand_anywhere_behind_resize(types: tuple[str, ...]) -> None:
    assert tuple(augmentation.type for augmentation in in_recipe(*(f"{{type: {name}}}" for name in types))) == types


def test_what_a_recipe_holds_comes_back_from_its_dump() -> None:
    settings: list[dict[str, Any]] = [{"type": name, **required_of(name)} for name in NAMES]
    augmentations = LIST.validate_python(settings)
    assert LIST.validate_python(LIST.dump_python(augmentations, mode="json")) == augmentations


def test_settings_do_not_change_after_validation() -> None:
    mosaic = Mosaic(type="mosaic")
    with pytest.raises(ValidationError, match="frozen"):
        mosaic.probability = 1  # type: ignore[misc]
