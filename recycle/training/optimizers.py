"""The optimiser of a network: its groups of parameters, its kind, and Lookahead around it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from timm.optim import AdamP, Lookahead
from torch import nn
from torch.optim import SGD, Adam, AdamW
from torch.optim.optimizer import Optimizer as TorchOptimizer

from recycle.errors import RecipeError
from recycle.recipe import Optimizer

OPTIMIZERS: Mapping[str, type[TorchOptimizer]] = {"sgd": SGD, "adam": Adam, "adamw": AdamW, "adamp": AdamP}

LOOKAHEAD_STEPS = 5
LOOKAHEAD_PART = 0.5
"""Both as in the paper."""

NEVER_DECAYED = ("absolute_pos_embed", "relative_position_bias_table")
"""Position codes of Swin, as in its own training."""

ENCODER = "network.encoder."
"""What is the backbone of a segmentation network."""

BLOCK = re.compile(r"(?:stages|layers)[._](\d+)\.blocks\.(\d+)\.")
STAGE = re.compile(r"(?:stages|layers)[._](\d+)\.")
STEM = re.compile(r"patch_embed|stem|pos_embed|cls_token")


def build_optimizer(settings: Optimizer, model: nn.Module) -> TorchOptimizer:
    """Builds the optimiser of a recipe.

    Args:
        settings: The recipe's optimiser.
        model: The network; parameters that are frozen are left out.

    Raises:
        RecipeError: If `layer_decay` is set and the backbone has no blocks of a transformer.
    """
    own: dict[str, Any] = {"momentum": settings.momentum} if settings.type == "sgd" else {}
    groups = parameter_groups(settings, model)
    optimizer = OPTIMIZERS[settings.type](groups, lr=settings.lr, **own)  # type: ignore[call-arg] # all take it
    return Lookahead(optimizer, LOOKAHEAD_PART, LOOKAHEAD_STEPS) if settings.lookahead else optimizer


def parameter_groups(settings: Optimizer, model: nn.Module) -> list[dict[str, Any]]:
    """Gathers parameters of equal learning rate and decay.

    Args:
        settings: The recipe's optimiser.
        model: The network.

    Returns:
        Groups with `params`, `lr` and `weight_decay`, as PyTorch's optimisers take them.
    """
    trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    factors = _rate_factors(settings, list(trained))
    groups: dict[tuple[float, float], list[torch.Tensor]] = {}
    for name, parameter in trained.items():
        decay = 0.0 if parameter.ndim <= 1 or name.endswith(NEVER_DECAYED) else settings.weight_decay
        groups.setdefault((settings.lr * factors[name], decay), []).append(parameter)
    return [{"params": group, "lr": lr, "weight_decay": decay} for (lr, decay), group in groups.items()]


def _rate_factors(settings: Optimizer, names: list[str]) -> dict[str, float]:
    depths = dict(_depths(names)) if settings.layer_decay < 1 else {}
    if settings.layer_decay < 1 and not depths:
        raise RecipeError(
            f"optimizer.layer_decay needs a backbone with the blocks of a transformer, but this has none, and got "
            f"layer_decay={settings.layer_decay}"
        )
    deepest = max(depths.values(), default=0) + 1
    return {
        name: (settings.backbone_lr if _is_of_backbone(name) else 1.0)
        * settings.layer_decay ** (deepest - depths.get(name, deepest))
        for name in names
    }


def _is_of_backbone(name: str) -> bool:
    return "backbone." in name or name.startswith(ENCODER)


def _depths(names: list[str]) -> Iterator[tuple[str, int]]:
    """Depth of each of the backbone's parameters: 0 in the stem, then one more for each block.

    What lies between blocks is as deep as the last block of its stage; norms at the end are as deep as the heads.
    """
    inside = [name for name in names if _is_of_backbone(name)]
    blocks = sorted({(int(match[1]), int(match[2])) for name in inside if (match := BLOCK.search(name))})
    if not blocks:
        return
    depth_of = {block: depth for depth, block in enumerate(blocks, start=1)}
    for name in inside:
        if match := BLOCK.search(name):
            yield name, depth_of[int(match[1]), int(match[2])]
        elif match := STAGE.search(name):
            yield name, max((depth for (stage, _), depth in depth_of.items() if stage <= int(match[1])), default=0)
        elif STEM.search(name):
            yield name, 0
