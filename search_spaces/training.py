"""What searches over the training of any network may try, whatever it is trained for.

Every parameter has a value that leaves the model as the recipe has it: see `start`.
"""

from collections.abc import Mapping, Sequence
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


def start(model: Model, mixing: Sequence[str]) -> dict[str, Any]:
    """Parameters that leave optimiser, class weights, augmentations and scales as they are.

    Args:
        model: The model as the recipe has it.
        mixing: As for `augmentations`.
    """
    phase = model.in_phases()[0]
    has = {augmentation.type for augmentation in phase.augmentations}
    probabilities = {f"p_{one.type}": one.probability for one in phase.augmentations if isinstance(one, Mosaic | Mixup)}
    return {
        "optimizer": AS_IS,
        "lr_factor": 1.0,
        "weight_decay_factor": 1.0,
        "balance_classes": phase.losses.balance_classes,
        **{f"with_{name}": name in has for name in OPTIONAL},
        **{f"p_{name}": probabilities.get(f"p_{name}", 0.0) for name in mixing},
        "multi_scale": AS_IS,
        "image_size_factor": 1.0,
    }


def only_changes(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Leaves out keys that stay as they are; `multi_scale` is there only if it changes, to None perhaps."""
    return {key: value for key, value in changes.items() if value not in ({}, None) or key == "multi_scale"}


def optimizer(trial: optuna.Trial, model: Model) -> dict[str, Any]:
    """Suggests changes of the optimiser: another kind, learning rate, weight decay."""
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


def class_weights(trial: optuna.Trial, model: Model) -> dict[str, Any]:
    """Suggests whether classes are weighed, where the model's losses can bear it and the recipe names no weights."""
    own = model.in_phases()[0].losses
    if not model.usable_losses.class_weights or own.class_weights:
        return {}
    is_balanced = trial.suggest_categorical("balance_classes", [False, True])
    return {} if is_balanced == own.balance_classes else {"balance_classes": is_balanced}


def augmentations(trial: optuna.Trial, model: Model, mixing: Sequence[str]) -> list[dict[str, Any]] | None:
    """Suggests the whole list, or None where it stays: what is added stands before the model's own, what mixes behind.

    Args:
        trial: What suggests.
        model: The model as the recipe has it.
        mixing: Augmentations that make one image of several and suit the task.
    """
    own = model.in_phases()[0]
    has = {augmentation.type for augmentation in own.augmentations}
    wanted = [name for name in OPTIONAL if trial.suggest_categorical(f"with_{name}", [False, True])]
    added = [_optional(trial, name) for name in wanted if name not in has]
    shares = {name: trial.suggest_float(f"p_{name}", 0, 1) for name in mixing}
    kept = _kept(own, {*wanted}, shares)
    behind = [
        {"type": name, "probability": share} for name, share in shares.items() if name not in has and _is_used(share)
    ]
    before = [augmentation.model_dump(mode="json") for augmentation in own.augmentations]
    return None if (after := [*added, *kept, *behind]) == before else after


def _kept(own: Phase, wanted: set[str], shares: Mapping[str, float]) -> list[dict[str, Any]]:
    """The model's own augmentations that stay."""
    kept = []
    for augmentation in own.augmentations:
        settings = augmentation.model_dump(mode="json")
        if augmentation.type in shares:
            settings["probability"] = shares[augmentation.type]
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


def scales(trial: optuna.Trial, model: Model) -> dict[str, Any]:
    """Suggests the size of images, and the range from which it is drawn batch by batch."""
    changes: dict[str, Any] = {}
    name = trial.suggest_categorical("multi_scale", [AS_IS, *MULTI_SCALES])
    if name != AS_IS:
        changes["multi_scale"] = MULTI_SCALES[name]
    factor = trial.suggest_categorical("image_size_factor", SIDE_FACTORS)
    if factor != 1:
        changes["image_size"] = max(SIDE_STEP, round(model.image_size * factor / SIDE_STEP) * SIDE_STEP)
    return changes
