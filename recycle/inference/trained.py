"""A finished ensemble, wherever its files lie: its members, and how it fuses what they predict."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from recycle.data.coco import Category, Dataset
from recycle.errors import RecipeError
from recycle.fusion.calibration import Calibrator, calibrated
from recycle.fusion.ensemble import ENSEMBLE, MemberPredictions, fuse_members
from recycle.fusion.methods import fuse_by
from recycle.fusion.settings import settings_of, weight_parameter
from recycle.predictions.values import Predictions
from recycle.recipe import TTA, Model, Recipe, name_in_recipe


@dataclass(frozen=True)
class TrainedMember:
    """One trained network.

    Attributes:
        name: The member's name.
        model: The model's name.
        weights: Its checkpoint, or its weights as `.safetensors`.
    """

    name: str
    model: str
    weights: Path


@dataclass(frozen=True)
class TrainedEnsemble:
    """All that predicting new images needs.

    Attributes:
        recipe: The recipe, which describes every model.
        categories: The classes; a label is an index into them.
        members: The members, those of a model together.
        fusion: How the models are fused, as `results.json` has it; None where one model was picked out.
    """

    recipe: Recipe
    categories: tuple[Category, ...]
    members: tuple[TrainedMember, ...]
    fusion: Mapping[str, Any] | None

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models."""
        return tuple(dict.fromkeys(member.model for member in self.members))

    def settings_of(self, member: TrainedMember) -> Model:
        """The settings of a member's model, which predicts alike in all rounds."""
        return next(model for model in self.recipe.models if model.name == name_in_recipe(member.model))

    def only(self, model: str) -> "TrainedEnsemble":
        """One model alone.

        Raises:
            RecipeError: If no model has this name.
        """
        if model not in self.models:
            raise RecipeError(f"The model must be one of {', '.join(self.models)}, but got {model!r}.")
        return replace(self, members=tuple(m for m in self.members if m.model == model), fusion=None)

    def in_use(self) -> "TrainedEnsemble":
        """The ensemble without the models that its fusion leaves out, which need not predict."""
        if self.fusion is None:
            return self
        weights = {name: self.fusion.get(weight_parameter(name), 1) for name in self.models}
        if not any(weights.values()):  # which says as little as equal ones
            return self
        return replace(self, members=tuple(member for member in self.members if weights[member.model] > 0))

    def without_tta(self) -> "TrainedEnsemble":
        """The same networks, but each sees an image once, as it is."""
        models = tuple(model.model_copy(update={"tta": TTA()}) for model in self.recipe.models)
        return replace(self, recipe=self.recipe.model_copy(update={"models": models}))


def fuse_predictions(ensemble: TrainedEnsemble, predictions: Mapping[str, Predictions], images: Dataset) -> Predictions:
    """Fuses what the members predicted of new images as their run fused its test images.

    Args:
        ensemble: The members and the fusion settings that were found out of fold.
        predictions: Predictions by member name.
        images: The images; annotations are not looked at.

    Returns:
        Predictions of one model, named "ensemble" or as the one that was picked out.
    """
    members = [MemberPredictions(m.name, m.model, None, predictions[m.name]) for m in ensemble.members]
    models = fuse_members(members, ensemble.models, images)
    if ensemble.fusion is None:
        return models
    sizes = {image.id: (image.width, image.height) for image in images.images}
    calibrators = {name: Calibrator(**one) for name, one in ensemble.fusion["calibrators"].items()}
    return fuse_by(calibrated(models, calibrators), sizes, settings_of(ensemble.fusion, models.models).fusion, ENSEMBLE)
