from typing import get_args

import pytest

from recycle.models.cost import BACKBONE_COST, EFFICIENTDET_COST, YOLO_COST, relative_cost
from recycle.recipe import RECIPES_FOLDER, EfficientDet, Model
from recycle.recipe.openmmlab import Packaged, ResNet, Swin
from recycle.recipe.yolo import YOLO_SIZES
from recycle.recipe_yaml import load_recipe
from tests.models.openmmlab.settings import parse


def test_every_network_that_a_recipe_can_name_has_a_cost() -> None:
    assert set(BACKBONE_COST) == {*get_args(Packaged), *get_args(ResNet), *get_args(Swin)}
    assert {family: set(costs) for family, costs in YOLO_COST.items()} == {
        family: set(sizes) for family, sizes in YOLO_SIZES.items()
    }
    assert set(EFFICIENTDET_COST) == set(get_args(EfficientDet.model_fields["size"].annotation))


@pytest.mark.parametrize("path", sorted(RECIPES_FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_model_has_a_cost_that_grows_with_its_images(path: object) -> None:
    for model in load_recipe(str(path)).models:
        larger = model.model_copy(update={"image_size": 2 * model.image_size})
        assert 0 < relative_cost(model) < relative_cost(larger) <= 4 * relative_cost(model)


def model(family: str, **changes: object) -> Model:
    return parse(family, **{"image_size": 512, **changes})


@pytest.mark.parametrize(
    ("cheap", "dear"),
    [
        (model("cascade_rcnn"), model("cascade_rcnn", backbone="resnet101")),
        (model("cascade_rcnn", backbone="resnet101"), model("cascade_rcnn", backbone="resnext101_64x4d")),
        (model("cascade_rcnn"), model("detectors")),
        (model("cascade_rcnn", fpn_channels=64), model("cascade_rcnn")),
        (model("cascade_rcnn", backbone="swin_t"), model("mask_rcnn_swin", cascade=True)),
        (model("mask_rcnn_swin"), model("mask_rcnn_swin", cascade=True)),
        (model("atss"), model("atss", dyhead_blocks=6)),
        (model("dino"), model("dino", feature_levels=5)),
        (model("dino", decoder_layers=1), model("dino")),
        (model("dino"), model("dino", backbone="swin_l")),
        (model("atss", backbone="swin_l"), model("atss", backbone="swin_l", activation_checkpointing=True)),
    ],
)
def test_what_does_more_costs_more(cheap: Model, dear: Model) -> None:
    assert relative_cost(cheap) < relative_cost(dear)
