"""Spaces of a user, good and bad."""

from typing import Any

import optuna

from recycle.recipe import Model


def rates(trial: optuna.Trial) -> dict[str, Any]:
    return {"optimizer": {"lr": trial.suggest_float("lr", 1e-4, 1e-2, log=True)}}


def rates_of_a_model(trial: optuna.Trial, model: Model) -> dict[str, Any]:
    return {"optimizer": {"lr": model.optimizer.lr * trial.suggest_float("factor", 0.5, 2)}}


def unknown_key(trial: optuna.Trial) -> dict[str, Any]:
    return {"optimizer": {"learning_rate": trial.suggest_float("lr", 0, 1)}}


def empty_range(trial: optuna.Trial) -> dict[str, Any]:
    trial.suggest_float("weight_decay", 0, 1)
    return {"optimizer": {"lr": trial.suggest_float("lr", 1, 0.1)}}


def no_choices(trial: optuna.Trial) -> dict[str, Any]:
    return {"image_size": trial.suggest_categorical("side", [])}


def of_segmentation(trial: optuna.Trial) -> dict[str, Any]:
    return {"decoder": trial.suggest_categorical("decoder", ["fpn", "unet"])}


def nothing(trial: optuna.Trial) -> dict[str, Any]:
    return {}


def idle(trial: optuna.Trial) -> dict[str, Any]:
    trial.suggest_float("lr", 0, 1)
    return {}


def no_dict(trial: optuna.Trial) -> Any:
    return trial.suggest_float("lr", 0, 1)


def sometimes_wrong(trial: optuna.Trial) -> dict[str, Any]:
    side = trial.suggest_int("side", 1, 4)
    return {"image_size": 16 if side == 4 else 64}


def breaks_now_and_then(trial: optuna.Trial) -> dict[str, Any]:
    """Learning rates of which the highest break the loss."""
    return {"optimizer": {"lr": trial.suggest_categorical("lr", [1e-3, 1e30])}}
