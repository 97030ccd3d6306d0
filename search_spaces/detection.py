"""What a search over the training of a detector may try.

Every parameter has a value that leaves the model as the recipe has it: see `start`.
"""

from collections.abc import Mapping
from typing import Any

import optuna

from recycle.recipe import Mixup, Model, Mosaic, Phase

AS_IS = "as_is"
LR_RANGES: Mapping[str, tuple[float, float]] = {"sgd": (1e-3, 1e-1), "adamw": (1e-5, 1e-2)}
"""Learning rates of an optimiser that is not the model's own."""

FACTOR_RANGE = (0.1, 10.0)
"""On learning rate and weight decay of the model."""

SIDE_FACTORS = (0.75, 1.0, 1.25)
SIDE_STEP = 32

MULTI_SCALES: Mapping[str, Mapping[str, float] | None] = {
    "none": None,
    "0.75-1.25": {"min": 0.75, "max": 1.25},
    "0.5-1.5": {"min": 0.5, "max": 1.5},
}
CROP_AREAS: Mapping[str, tuple[float, float]] = {
    "0.5-0.8": (0.5, 0.8),
    "0.6-0.8": (0.6, 0.8),
    "0.4-0.6": (0.4, 0.6),
    "0.2-0.4": (0.2, 0.4),
}
"""Parts of the image that `random_resized_crop` keeps."""

LEAST_PROBABILITY = 0.05
"""What mixes images less often is left out."""

OPTIONAL = ("vertical_flip", "rotate_90", "shift_scale_rotate", "random_resized_crop", "colour", "clahe", "gauss_noise")
"""Augmentations that are added to those of the model or taken away, in the order in which they are applied."""

MIXING = ("mosaic", "mixup")


def space(trial: optuna.Trial, model: Model) -> dict[str, Any]:
    """Suggests changes of a model.

    Args:
        trial: What suggests.
        model: The model as the recipe has it; of its phases the first tells what it has.

    Returns:
        Keys of the model and their new values; those that stay as they are are left out.
    """
    changes = {
        "optimizer": _optimizer(trial, model),
        "losses": _losses(trial, model),
        "augmentations": _augmentations(trial, model),
        **_scales(trial, model),
    }
    return {key: value for key, value in changes.items() if value not in ({}, None) or key == "multi_scale"}


def start(model: Model) -> list[dict[str, Any]]:
    """Parameters to try first: those that leave the model as it is."""
    phase = model.in_phases()[0]
    has = {augmentation.type for augmentation in phase.augmentations}
    probabilities = {f"p_{one.type}": one.probability for one in phase.augmentations if isinstance(one, Mosaic | Mixup)}
    return [
        {
            "optimizer": AS_IS,
            "lr_factor": 1.0,
            "weight_decay_factor": 1.0,
            "classification_losses": AS_IS,
            "box_loss": AS_IS,
            "balance_classes": phase.losses.balance_classes,
            **{f"with_{name}": name in has for name in OPTIONAL},
            **{f"p_{name}": probabilities.get(f"p_{name}", 0.0) for name in MIXING},
            "multi_scale": AS_IS,
            "image_size_factor": 1.0,
        }
    ]


def _optimizer(trial: optuna.Trial, model: Model) -> dict[str, Any]:
    own = model.in_phases()[0].optimizer
    others = [name for name in LR_RANGES if name != own.type]
    kind = trial.suggest_categorical("optimizer", [AS_IS, *others])
    changes: dict[str, Any] = {}
    if kind != AS_IS:
        changes = {"type": kind, "lr": trial.suggest_float(f"lr_{kind}", *LR_RANGES[kind], log=True)}
    elif (factor := trial.suggest_float("lr_factor", *FACTOR_RANGE, log=True)) != 1:
        changes = {"lr": own.lr * factor}
    if own.weight_decay and (factor := trial.suggest_float("weight_decay_factor", *FACTOR_RANGE, log=True)) != 1:
        changes["weight_decay"] = own.weight_decay * factor
    return changes


def _losses(trial: optuna.Trial, model: Model) -> dict[str, Any]:
    usable, own = model.usable_losses, model.in_phases()[0].losses
    changes: dict[str, Any] = {}
    if len(usable.classification) > 1 and _suggests_other(trial, "classification_losses"):
        heads = range(1, model.box_heads + 1)
        changes["classification"] = [
            {"type": trial.suggest_categorical(f"loss_of_head_{head}", usable.classification)} for head in heads
        ]
    if usable.box:
        box = trial.suggest_categorical("box_loss", [AS_IS, *usable.box])
        changes |= {} if box == AS_IS else {"box": box}
    if usable.class_weights and not own.class_weights:
        is_balanced = trial.suggest_categorical("balance_classes", [False, True])
        changes |= {} if is_balanced == own.balance_classes else {"balance_classes": is_balanced}
    return changes


def _suggests_other(trial: optuna.Trial, name: str) -> bool:
    return bool(trial.suggest_categorical(name, [AS_IS, "other"]) != AS_IS)


def _augmentations(trial: optuna.Trial, model: Model) -> list[dict[str, Any]] | None:
    """The whole list, or None where it stays: what is added stands before the model's own, what mixes at the end."""
    own = model.in_phases()[0]
    has = {augmentation.type for augmentation in own.augmentations}
    wanted = [name for name in OPTIONAL if trial.suggest_categorical(f"with_{name}", [False, True])]
    added = [_optional(trial, name) for name in wanted if name not in has]
    mixing = {name: trial.suggest_float(f"p_{name}", 0, 1) for name in MIXING}
    kept = _kept(own, {*wanted}, mixing)
    behind = [
        {"type": name, "probability": mixing[name]} for name in MIXING if name not in has and _is_used(mixing[name])
    ]
    before = [augmentation.model_dump(mode="json") for augmentation in own.augmentations]
    return None if (after := [*added, *kept, *behind]) == before else after


def _kept(own: Phase, wanted: set[str], mixing: Mapping[str, float]) -> list[dict[str, Any]]:
    """The model's own augmentations that stay."""
    kept = []
    for augmentation in own.augmentations:
        settings = augmentation.model_dump(mode="json")
        if augmentation.type in mixing:
            settings["probability"] = mixing[augmentation.type]
            is_wanted = _is_used(settings["probability"])
        else:
            is_wanted = augmentation.type not in OPTIONAL or augmentation.type in wanted
        kept += [settings] if is_wanted else []
    return kept


def _is_used(probability: float) -> bool:
    return probability >= LEAST_PROBABILITY


def _optional(trial: optuna.Trial, name: str) -> dict[str, Any]:
    """An augmentation with the strength that is suggested for it."""
    settings: dict[str, Any] = {"type": name}
    if name == "random_resized_crop":
        low, high = CROP_AREAS[trial.suggest_categorical("crop_area", list(CROP_AREAS))]
        settings |= {"min_area": low, "max_area": high}
    elif name == "shift_scale_rotate":
        settings |= {
            "scale": trial.suggest_float("shift_scale_rotate_scale", 0.05, 0.5),
            "rotate": trial.suggest_float("shift_scale_rotate_angle", 0, 45),
        }
    elif name == "colour":
        strength = trial.suggest_float("colour_strength", 0.1, 1)
        settings |= {"brightness": round(32 * strength), "contrast": strength / 2, "saturation": strength / 2}
    return settings


def _scales(trial: optuna.Trial, model: Model) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    name = trial.suggest_categorical("multi_scale", [AS_IS, *MULTI_SCALES])
    if name != AS_IS:
        changes["multi_scale"] = MULTI_SCALES[name]
    factor = trial.suggest_categorical("image_size_factor", SIDE_FACTORS)
    if factor != 1:
        changes["image_size"] = max(SIDE_STEP, round(model.image_size * factor / SIDE_STEP) * SIDE_STEP)
    return changes
