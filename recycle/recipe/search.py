"""The search of a model's training settings."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from recycle.recipe.settings import Settings

SpaceName = Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]


SearchMetric = Literal["map50", "map", "miou"]


class SmallStage(Settings):
    """How much smaller than the model candidates are while they are searched; the best are trained at full size."""

    image_size: float = Field(default=1.0, gt=0, le=1)
    """Factor on `image_size`; the product is rounded to a multiple of 32."""
    epochs: float = Field(default=1.0, gt=0, le=1)
    """Factor on the epochs, of each phase where there are phases; one epoch at least."""
    data_fraction: float = Field(default=1.0, ge=0.05, le=1)
    """Part of the other folds' images that is trained on, stratified over classes, near-duplicates together; scores are
    of all images of the fold."""


class Search(Settings):
    """The search of one model's losses, optimiser and augmentations on out-of-fold predictions."""

    space: SpaceName | None = None
    """What is tried: a function of an Optuna trial, as `package.module:function`; by default that of the recipe's task,
    `search_spaces.detection:space` or `search_spaces.segmentation:space`."""
    trials: int = Field(default=20, ge=1)
    """Settings that the study tries."""
    metric: SearchMetric | None = None
    """What is made as high as possible: of boxes mean average precision at IoU 0.50, which is the default, or from 0.50
    to 0.95; of labelled pixels mean intersection over union."""
    folds: tuple[Annotated[int, Field(ge=0)], ...] = Field(default=(0,), min_length=1)
    """The folds that a trial is trained for, one after the other; its score is the mean over them, and a trial that
    falls behind is not trained for the next."""
    ensemble: str = ""
    """Folder of a finished run on the same data: the score of a trial is then what that run's ensemble gains when the
    candidate joins it. Without one it is the candidate's own."""
    grace: float = Field(default=0.25, gt=0, le=1)
    """Part of a fold's epochs that every trial gets before it may be stopped."""
    reduction: float = Field(default=3.0, gt=1)
    """At each rung of ASHA, which are this factor apart, the best 1/reduction of the trials go on (Li et al., 2020)."""
    within: float = Field(default=0.15, gt=0, le=1)
    """A trial whose projected score is not within this part of the best trial's is stopped."""
    small: SmallStage = SmallStage()
    """How much smaller candidates are while they are searched."""
    finalists: int = Field(default=3, ge=1)
    """The best trials that are trained at full size, beside the model as the recipe has it."""
    seeds: int = Field(default=3, ge=2)
    """How often the winner and the model as the recipe has it are trained to be compared."""
    mlflow: str = ""
    """Tracking URI of an MLflow that every trial is logged to; none unless given."""
    wandb: str = ""
    """Project of Weights & Biases that every trial is logged to; none unless given."""

    @field_validator("folds")
    @classmethod
    def _folds_differ(cls, folds: tuple[int, ...]) -> tuple[int, ...]:
        repeated = sorted({fold for fold in folds if folds.count(fold) > 1})
        if repeated:
            raise ValueError(f"folds must differ, but {', '.join(map(str, repeated))} is repeated")
        return folds
