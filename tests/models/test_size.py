import pytest

from recycle.models.families import build_model
from recycle.models.size import checkpoints_gib, parameters
from recycle.recipe_yaml import load_recipe
from tests.orchestration.plans import model_with


@pytest.mark.parametrize("model", load_recipe("all-families").models, ids=lambda model: model.name)
def test_the_estimate_is_of_the_right_size(model: object) -> None:
    built = build_model(model.model_copy(update={"pretrained": "none"}), 10)  # type: ignore[attr-defined]
    real = sum(parameter.numel() for parameter in built.parameters())
    assert 0.4 * real < parameters(model) < 2.5 * real  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("count", "optimizer", "averaging", "copies"),
    [
        (1, {"type": "sgd", "lr": 0.1}, None, 2),
        (2, {"type": "sgd", "lr": 0.1}, None, 3),
        (2, {"type": "adamw", "lr": 0.1}, None, 4),
        (2, {"type": "adamw", "lr": 0.1, "lookahead": True}, {"type": "ema"}, 6),
        (5, {"type": "adamw", "lr": 0.1}, None, 13),
    ],
)
def test_checkpoints_hold_weights_state_and_average(
    count: int, optimizer: dict[str, object], averaging: dict[str, object] | None, copies: int
) -> None:
    model = model_with(optimizer=optimizer, averaging=averaging)
    assert checkpoints_gib(model, count) * 2**30 == pytest.approx(4 * copies * parameters(model))


def test_full_size_models_have_the_published_sizes() -> None:
    sizes = {model.name: parameters(model) / 1e6 for model in load_recipe("reference").models}
    assert sizes["yolov5"] == pytest.approx(53, rel=0.1)
    assert sizes["cascade-r50"] == pytest.approx(69, rel=0.1)
    assert sizes["cascade-r101"] == pytest.approx(88, rel=0.1)
    assert sizes["swin-t"] == pytest.approx(86, rel=0.1)
