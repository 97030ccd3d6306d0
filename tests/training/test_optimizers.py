"""The kind of the optimiser, its groups of parameters, and what Lookahead does to its steps."""

from typing import Any

import pytest
import torch
from timm.optim import AdamP, Lookahead
from torch import nn

from recycle.errors import RecipeError
from recycle.models.backbones import TimmFeatures
from recycle.recipe import Optimizer
from recycle.training.optimizers import build_optimizer


def settings_of(**values: Any) -> Optimizer:
    return Optimizer.model_validate({"lr": 0.1, "schedule": "constant", **values})


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2))


def value_by_name(optimizer: torch.optim.Optimizer, model: nn.Module, key: str) -> dict[str, float]:
    values = {id(p): group[key] for group in optimizer.param_groups for p in group["params"]}
    return {name: values[id(parameter)] for name, parameter in model.named_parameters() if id(parameter) in values}


@pytest.mark.parametrize(
    ("name", "kind"),
    [("sgd", torch.optim.SGD), ("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW), ("adamp", AdamP)],
)
def test_the_optimiser_is_the_one_asked_for(name: str, kind: type[torch.optim.Optimizer]) -> None:
    optimizer = build_optimizer(settings_of(type=name, weight_decay=0.5, momentum=0.7), network())
    assert type(optimizer) is kind
    assert {group["lr"] for group in optimizer.param_groups} == {0.1}
    assert optimizer.defaults.get("momentum") == (0.7 if name == "sgd" else None)


def test_adamp_takes_the_radial_part_out_of_steps_of_scale_invariant_weights() -> None:
    """A filter before a norm: its gradient is orthogonal to it, and so must the step be (Heo et al., 2021)."""
    radial = {}
    for name in ("adam", "adamp"):
        torch.manual_seed(0)
        weight = nn.Parameter(torch.randn(4, 64))
        optimizer = build_optimizer(settings_of(type=name, lr=0.01, weight_decay=0), nn.ParameterList([weight]))
        before = weight.detach().clone()
        direction = torch.randn(4, 64)
        nn.functional.cosine_similarity(weight, direction).sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        radial[name] = float(((weight.detach() - before) * before).sum(dim=1).abs().max())
    assert radial["adamp"] < 1e-4 < radial["adam"]


@pytest.mark.parametrize(
    "model", [network(), TimmFeatures("tf_efficientnet_lite0", (2, 3), "none")], ids=["plain", "timm"]
)
def test_norms_and_biases_do_not_decay_and_all_else_does(model: nn.Module) -> None:
    decay = value_by_name(build_optimizer(settings_of(weight_decay=0.5), model), model, "weight_decay")
    norms = {
        f"{name}.{part}"
        for name, module in model.named_modules()
        if isinstance(module, nn.BatchNorm2d)
        for part, _ in module.named_parameters(recurse=False)
    }
    assert decay.keys() == dict(model.named_parameters()).keys()
    for name, value in decay.items():
        assert value == (0 if name in norms or name.endswith("bias") else 0.5), name


def test_frozen_parameters_are_left_out() -> None:
    model = network()
    model[0].requires_grad_(requires_grad=False)  # type: ignore[index]
    assert not [name for name in value_by_name(build_optimizer(settings_of(), model), model, "lr") if name[0] == "0"]


@pytest.mark.parametrize("kind", ["sgd", "adam", "adamw", "adamp"])
def test_lookahead_goes_half_of_the_way_of_five_steps(kind: str) -> None:
    def after(steps: int, *, lookahead: bool) -> torch.Tensor:
        weight = nn.Parameter(torch.tensor([4.0, -3.0]))
        optimizer = build_optimizer(
            settings_of(type=kind, lr=0.01, weight_decay=0, lookahead=lookahead), nn.ParameterList([weight])
        )
        assert isinstance(optimizer, Lookahead) == lookahead
        for _ in range(steps):
            optimizer.zero_grad()
            (weight**2).sum().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        return weight.detach()

    # timm remembers the slow weights when they are first updated, so the first halved way is that of steps 6 to 10.
    torch.testing.assert_close(after(9, lookahead=True), after(9, lookahead=False))
    slow = after(5, lookahead=False)
    torch.testing.assert_close(after(10, lookahead=True), (slow + after(10, lookahead=False)) / 2)


class Detector(nn.Module):
    """Names as mmdet's Swin has them."""

    def __init__(self) -> None:
        super().__init__()
        block = nn.ModuleDict({"blocks": nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])})
        last = nn.ModuleDict({"blocks": nn.ModuleList([nn.Linear(2, 2)]), "downsample": nn.Linear(2, 2)})
        self.backbone = nn.ModuleDict(
            {"patch_embed": nn.Linear(2, 2), "stages": nn.ModuleList([block, last]), "norm1": nn.LayerNorm(2)}
        )
        self.neck = nn.Linear(2, 2)


@pytest.mark.parametrize(
    ("name", "factor"),
    [
        ("backbone.patch_embed.weight", 0.5**4),
        ("backbone.stages.0.blocks.0.weight", 0.5**3),
        ("backbone.stages.0.blocks.1.bias", 0.5**2),
        ("backbone.stages.1.blocks.0.weight", 0.5),
        ("backbone.stages.1.downsample.weight", 0.5),
        ("backbone.norm1.weight", 1.0),
        ("neck.weight", 1.0),
    ],
)
def test_layers_near_the_image_learn_slower(name: str, factor: float) -> None:
    model = Detector()
    rates = value_by_name(build_optimizer(settings_of(layer_decay=0.5), model), model, "lr")
    assert rates[name] == pytest.approx(0.1 * factor)


def test_the_backbone_has_its_own_learning_rate() -> None:
    model = Detector()
    rates = value_by_name(build_optimizer(settings_of(backbone_lr=0.1), model), model, "lr")
    assert {name: pytest.approx(rate) for name, rate in rates.items()} == {
        name: 0.01 if name.startswith("backbone") else 0.1 for name in rates
    }


def test_layer_decay_without_blocks_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"layer_decay needs .* and got layer_decay=0\.5"):
        build_optimizer(settings_of(layer_decay=0.5), network())


def test_blocks_of_real_swins_are_found() -> None:
    from mmdet.registry import MODELS

    swin = MODELS.build({"type": "SwinTransformer", "embed_dims": 96, "depths": (2, 2, 6, 2), "init_cfg": None})
    model = nn.ModuleDict({"backbone": swin})
    rates = value_by_name(build_optimizer(settings_of(layer_decay=0.9), model), model, "lr")
    steps = sorted({round(rate / 0.1, 9) for rate in rates.values()})
    assert steps == pytest.approx([0.9**depth for depth in range(13, -1, -1)])
    decays = value_by_name(build_optimizer(settings_of(weight_decay=0.5), model), model, "weight_decay")
    assert decays["backbone.stages.0.blocks.0.attn.w_msa.relative_position_bias_table"] == 0
