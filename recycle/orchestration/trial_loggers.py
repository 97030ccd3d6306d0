"""Loggers of trials that belong to others, through Tune's callbacks: off unless the recipe asks for them."""

from importlib.util import find_spec

from ray import tune

from recycle.errors import RecipeError
from recycle.recipe import Recipe


def trial_loggers(recipe: Recipe) -> list[tune.Callback]:
    """The loggers that a recipe asks for.

    Raises:
        RecipeError: If the package of one is not installed.
    """
    loggers: list[tune.Callback] = []
    if recipe.search.mlflow:
        _require("mlflow")
        from ray.air.integrations.mlflow import MLflowLoggerCallback  # noqa: PLC0415 - imports mlflow

        loggers.append(MLflowLoggerCallback(tracking_uri=recipe.search.mlflow, experiment_name=recipe.name))
    if recipe.search.wandb:
        _require("wandb")
        from ray.air.integrations.wandb import WandbLoggerCallback  # noqa: PLC0415 - imports wandb

        loggers.append(WandbLoggerCallback(project=recipe.search.wandb, group=recipe.name))
    return loggers


def _require(package: str) -> None:
    if find_spec(package) is None:
        raise RecipeError(
            f"search.{package} needs the package {package}, which is not installed: uv pip install {package}"
        )
