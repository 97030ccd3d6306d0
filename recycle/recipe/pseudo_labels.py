"""Rounds of pseudo labels: how what the ensemble says of test images becomes labels, and how they are trained on."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from recycle.recipe.models import Model
from recycle.recipe.phases import Phase
from recycle.recipe.settings import ROUND_SEPARATOR, Settings

PseudoMixing = Literal["mixup", "side_by_side"]


class PseudoLabels(Settings):
    """What every round does: label the test images, train on, and keep what came of it only if it is better.

    A member of a round goes on from the weights that its model had for the same fold, with the settings of the model's
    last phase. The labels for a fold come from that fold's members alone, which never saw its images.
    """

    score_thr: float = Field(default=0.75, gt=0, le=1)
    """Boxes of the ensemble with at least this score become labels; or pixels whose class has at least this share of
    the votes, while all others are ignored."""
    precision: float | None = Field(default=None, gt=0, le=1)
    """Chooses the threshold anew for each class and fold instead: the lowest from which at least this part of the boxes
    is right at IoU 0.5, or of the pixels, out of fold, on the other folds' images. A class that never gets there has no
    labels."""
    ignore_thr: float = Field(default=0.3, gt=0, le=1)
    """Boxes from here up to their label threshold become regions in which nothing is learned, as an object may be
    there; of no effect where pixels are labelled."""
    keep_empty: bool = False
    """Whether images without any label of an object are trained on too, as background."""
    mixing: PseudoMixing = "side_by_side"
    """`side_by_side` adds pseudo-labelled images to each epoch; `mixup` averages labelled images with them, pixel by
    pixel, and keeps the objects of both; it is refused where pixels are labelled."""
    share: float = Field(default=0.5, gt=0, lt=1)
    """Part of an epoch's images that are pseudo-labelled ones, or that are mixed with one."""
    epochs: tuple[Annotated[int, Field(ge=1)], ...] = Field(default=(10, 6), min_length=1)
    """Epochs of each round; the last number holds for all further rounds too."""
    real_epochs: int = Field(default=0, ge=0)
    """Epochs after those, in every round, on labelled images alone, with a schedule of their own."""
    lr_factor: float = Field(default=0.5, gt=0, le=10)
    """Factor on the model's learning rate."""
    max_class_fall: float = Field(default=0.05, ge=0, le=1)
    """A round is not kept if average precision at IoU 0.5 of any class, or the IoU of its pixels, falls by more than
    this and by more than bootstrap noise, with 95 per cent confidence for all classes at once, as of many some fall by
    chance."""

    @model_validator(mode="after")
    def _thresholds_are_ordered(self) -> Self:
        if self.precision is None and self.ignore_thr > self.score_thr:
            raise ValueError(f"ignore_thr must not exceed score_thr, but got {self.ignore_thr} and {self.score_thr}")
        return self


def model_of_round(model: Model, settings: PseudoLabels, round_index: int) -> Model:
    """The model as a round trains it, under a name of its own.

    Args:
        model: The model as the recipe has it.
        settings: What rounds do.
        round_index: The round, from 1.

    Returns:
        A model of one phase, or of two where labelled images alone are trained on at the end.
    """
    last = model.in_phases()[-1]
    optimizer = last.optimizer.model_copy(update={"lr": last.optimizer.lr * settings.lr_factor})
    mixed = settings.epochs[min(round_index, len(settings.epochs)) - 1]
    changes = {"name": name_in_round(model.name, round_index), "optimizer": optimizer}
    total = {"epochs": mixed + settings.real_epochs}
    one_phase: Model = last.model_copy(update={**changes, **total})
    if not settings.real_epochs:
        return one_phase
    said = {name: getattr(one_phase, name) for name in Phase.model_fields}
    phases = tuple(Phase(**{**said, "epochs": epochs}) for epochs in (mixed, settings.real_epochs))
    return one_phase.model_copy(update={"phases": phases})


def name_in_round(model: str, round_index: int) -> str:
    """The name of a model as a round trained it; of round 0, which knows no pseudo labels, that of the recipe."""
    return f"{model}{ROUND_SEPARATOR}{round_index}" if round_index else model


def name_in_recipe(model: str) -> str:
    """The name that the model of any round has in the recipe."""
    return model.partition(ROUND_SEPARATOR)[0]
