"""The recipes that come with recycle say what they promise; nothing is trained here."""

from collections import Counter
from typing import get_args

import pytest

from recycle.data.synthetic import BOXES_OF_COMPETITION
from recycle.models.prerequisites import require_weights
from recycle.recipe import RECIPES_FOLDER, SMP, Model, Recipe
from recycle.recipe.ineffective import settings_without_effect
from recycle.recipe_yaml import load_recipe

NAMES = sorted(path.stem for path in RECIPES_FOLDER.glob("*.yaml"))


def members(recipe: Recipe) -> Counter[str]:
    """How many members each model has."""
    return Counter({model.name: len(model.folds or range(recipe.data.folds)) for model in recipe.models})


def model_of(recipe: str, name: str) -> Model:
    return next(model for model in load_recipe(recipe).models if model.name == name)


@pytest.mark.parametrize("name", NAMES)
def test_every_recipe_is_valid_and_has_no_idle_setting(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert [line for model in recipe.models for line in settings_without_effect(model)] == []
    first_line = (RECIPES_FOLDER / f"{name}.yaml").read_text().partition("\n")[0]
    assert first_line == "# yaml-language-server: $schema=recipe.schema.json"


def test_the_reference_has_the_26_members_of_its_team() -> None:
    recipe = load_recipe("reference")
    assert members(recipe) == {
        "yolov5": 5,
        "yolov5-augmented": 4,
        "yolov5-half": 1,
        "swin-t": 4,
        "swin-t-768": 1,
        "cascade-r50": 5,
        "cascade-r101": 6,
    }
    assert members(recipe).total() == 26
    assert {model.name for model in recipe.models if "all" in model.folds} == {"cascade-r50", "cascade-r101"}
    assert [model.image_size for model in recipe.models] == [512, 512, 256, 512, 768, 512, 512]


def test_the_reference_adds_500_objects_to_each_of_the_five_short_classes() -> None:
    copy_paste = load_recipe("reference").data.copy_paste
    assert copy_paste is not None
    assert copy_paste.additions == dict.fromkeys(["Battery", "Clothing", "Metal", "Paper pack", "Glass"], 500)
    assert set(copy_paste.additions) < set(BOXES_OF_COMPETITION)


@pytest.mark.parametrize(
    ("recipe", "name", "batch", "epochs", "lr"),
    [
        ("reference", "yolov5", 64, 150, 0.01 * 64),  # ultralytics sums 64 losses where we average
        ("reference", "yolov5-augmented", 64, 240, 0.01 * 64),
        ("reference", "swin-t", 16, 40 + 12, 1e-4),
        ("reference", "swin-t-768", 16, 40 + 12, 1e-4),
        ("reference", "cascade-r50", 16, 50, 0.02),
        ("reference", "cascade-r101", 16, 50, 0.02),
        ("roster", "cascade-x101", 16, 50, 0.02),
        ("roster", "detectors-r50", 4, 48, 0.01),
        ("roster", "detectors-x101", 4, 60, 0.01),
        ("roster", "efficientdet-d6", 16, 10, 2e-4),
    ],
)
def test_the_team_s_settings(recipe: str, name: str, batch: int, epochs: int, lr: float) -> None:
    model = model_of(recipe, name)
    assert (model.batch_size * model.accumulate, model.epochs, model.optimizer.lr) == (batch, epochs, lr)


@pytest.mark.parametrize("name", ["swin-t", "swin-t-768"])
def test_swin_has_a_loss_for_each_box_head_in_its_last_epochs(name: str) -> None:
    first, last = model_of("reference", name).in_phases()
    assert (first.epochs, first.losses.classification) == (40, ())
    assert (last.epochs, len(last.losses.classification)) == (12, last.box_heads)
    assert [loss.type for loss in last.losses.classification] == ["label_smoothing", "cross_entropy", "focal"]


@pytest.mark.parametrize(
    ("name", "sides", "flips"),
    [
        ("cascade-r50", [512, 768], {"none", "horizontal", "vertical"}),
        ("swin-t-768", [512, 768], {"none", "horizontal", "vertical"}),
    ],
)
def test_the_views_of_two_stage_detectors(name: str, sides: list[int], flips: set[str]) -> None:
    model = model_of("reference", name)
    views = model.tta.all_views()
    assert sorted({round(model.image_size * view.scale) for view in views}) == sides
    assert {view.flip for view in views} == flips
    assert len(views) == len(sides) * len(flips)


def test_the_views_of_yolo() -> None:
    views = [(view.scale, view.flip) for view in model_of("reference", "yolov5").tta.all_views()]
    assert views == [(1.33, "none"), (1.17, "horizontal"), (1, "none"), (0.83, "horizontal"), (0.67, "none")]


def test_the_champion_has_six_members_on_the_same_images() -> None:
    recipe = load_recipe("champion")
    assert Counter(model.family for model in recipe.models) == {"dino": 2, "atss": 2, "yolo11": 1, "cascade_rcnn": 1}
    assert {model.folds for model in recipe.models} == {(0,)}


def test_all_families_holds_every_family_of_detectors_and_trains_on_cpu_cores_from_what_is_installed() -> None:
    recipe = load_recipe("all-families")
    kinds = [kind for kind in get_args(get_args(Model)[0]) if kind.task == "detection"]
    assert sorted(type(model).__name__ for model in recipe.models) == sorted(kind.__name__ for kind in kinds)
    for model in recipe.models:
        assert require_weights(model) is None
        assert (model.pretrained, model.resources.num_gpus) == ("imagenet", 0)


@pytest.mark.parametrize(
    ("name", "architecture", "encoder", "losses", "optimizer", "batch", "epochs"),
    [
        ("fpn-b3", "fpn", "tu-tf_efficientnet_b3.ns_jft_in1k", ["jaccard", "label_smoothing"], ("adamp", 1e-4), 4, 40),
        ("fpn-seresnext101", "fpn", "se_resnext101_32x4d", ["jaccard"], ("adam", 1e-5), 16, 15),
        ("fpn-b3-ce", "fpn", "tu-tf_efficientnet_b3.ns_jft_in1k", ["cross_entropy"], ("adamw", 1e-5), 8, 20),
        ("deeplabv3plus-b3", "deeplabv3plus", "tu-tf_efficientnet_b3.ns_jft_in1k", None, ("adamw", 1e-4), 8, 20),
    ],
)
def test_the_team_s_segmentation_models(
    name: str,
    architecture: str,
    encoder: str,
    losses: list[str] | None,
    optimizer: tuple[str, float],
    batch: int,
    epochs: int,
) -> None:
    model = model_of("segmentation", name)
    assert isinstance(model, SMP)
    assert (model.architecture, model.encoder) == (architecture, encoder)
    assert losses is None or [loss.type for loss in model.losses.pixels] == losses
    assert (model.optimizer.type, model.optimizer.lr) == optimizer
    assert (model.batch_size * model.accumulate, model.epochs, model.label_map_size) == (batch, epochs, 256)
    types = [augmentation.type for augmentation in model.augmentations]
    assert {"horizontal_flip", "vertical_flip", "shift_scale_rotate", "optical_distortion", "one_of"} < set(types)


def test_the_best_of_the_team_s_segmentation_models_averages_weights_inside_lookahead() -> None:
    model = model_of("segmentation", "fpn-b3")
    assert model.optimizer.lookahead
    assert model.averaging is not None
    assert model.averaging.type == "swa"


def test_the_segmentation_demo_trains_on_cpu_cores_from_what_is_installed() -> None:
    recipe = load_recipe("segmentation-demo")
    assert recipe.task == "segmentation"
    for model in recipe.models:
        assert require_weights(model) is None
        assert model.resources.num_gpus == 0
