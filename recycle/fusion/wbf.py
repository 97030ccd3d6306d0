"""Weighted boxes fusion (Solovyev et al., https://arxiv.org/abs/1910.13302) over whole data sets."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from recycle.errors import RecipeError
from recycle.fusion.wbf_columns import Grouped, group, ungroup
from recycle.fusion.wbf_kernel import Columns, Rules, fuse_images
from recycle.predictions.values import Predictions

ConfidenceType = Literal["avg", "max", "box_and_model_avg", "absent_model_aware_avg"]


@dataclass(frozen=True)
class WbfSettings:
    """What weighted boxes fusion can be told; the defaults are those of `ensemble_boxes`, but for the skip threshold.

    Attributes:
        iou_thr: Boxes of one class that overlap by more than this become one, from 0 to 1.
        skip_box_thr: Boxes that score less are left out, from 0 to 1.
        weights: One weight for each model, in the order of `Predictions.models`; empty means equal ones. A model of
            weight 0 is left out, as if it had predicted nothing anywhere; at least one weight is above 0.
        conf_type: How a fused box is scored, see `ensemble_boxes.weighted_boxes_fusion`.
        allows_overflow: Whether "avg" counts more boxes in one than there are models, which raises its score.
        class_weights: For each model one positive factor for each class, by which its weight there is multiplied;
            empty means 1.

    Raises:
        RecipeError: If a value is outside its range.
    """

    iou_thr: float = 0.55
    skip_box_thr: float = 0.001
    weights: tuple[float, ...] = ()
    conf_type: ConfidenceType = "avg"
    allows_overflow: bool = False
    class_weights: tuple[tuple[float, ...], ...] = ()

    def __post_init__(self) -> None:
        """Checks the ranges."""
        for name in ("iou_thr", "skip_box_thr"):
            if not 0 <= getattr(self, name) <= 1:
                raise RecipeError(f"{name} must be between 0 and 1 inclusive, but got {name}={getattr(self, name)}.")
        if not all(0 <= weight < math.inf for weight in self.weights) or (self.weights and not any(self.weights)):
            raise RecipeError(f"weights must be finite, from 0 and not all 0, but got weights={self.weights}.")
        if not all(0 < weight < math.inf for row in self.class_weights for weight in row):
            raise RecipeError(f"class_weights must be positive and finite, but got class_weights={self.class_weights}.")
        if len({len(row) for row in self.class_weights}) > 1:
            raise RecipeError(f"class_weights must be equally many for each model, but got {self.class_weights}.")
        if self.conf_type not in get_args(ConfidenceType):
            allowed = ", ".join(get_args(ConfidenceType))
            raise RecipeError(f"conf_type must be one of {allowed}, but got conf_type={self.conf_type!r}.")


def fuse(
    predictions: Predictions, sizes: Mapping[int, tuple[int, int]], settings: WbfSettings, name: str
) -> Predictions:
    """Groups predictions and fuses them once, see `fuse_grouped` and `recycle.fusion.wbf_columns.group`."""
    return fuse_grouped(group(predictions, sizes), settings, name)


def fuse_grouped(grouped: Grouped, settings: WbfSettings, name: str) -> Predictions:
    """Fuses all models into one, image by image, and rescales scores by the models that cover the image.

    Scores that exceed 1, as those of "avg" with unequal weights can, are cut there. Boxes that score 0 are left
    out, as their weighted mean would be 0 / 0. Boxes of one weighted score count in the order of x1, y1, x2, y2,
    unweighted score and model, fused ones of one score have the higher label first: neither the order of models
    nor that of rows nor the number of threads changes anything.

    Args:
        grouped: Boxes of one or more models; a single model's own overlapping boxes are fused as well.
        settings: Thresholds, weights and the kind of score.
        name: What the fused model is called.

    Returns:
        Predictions of the model `name`, which covers what any model covered, by ascending image id and, within
        an image, by descending score.

    Raises:
        RecipeError: If there are weights, but not one for each model, or not one for each class.
    """
    weights = _weights(settings, grouped)
    rules = Rules(
        weights=weights,
        model_order=np.lexsort(weights.T[::-1]) if weights.size else np.arange(grouped.models),
        iou_thr=float(settings.iou_thr),
        skip_box_thr=np.float32(settings.skip_box_thr),
        conf_type=get_args(ConfidenceType).index(settings.conf_type),
        allows_overflow=settings.allows_overflow,
    )
    return ungroup(fuse_images(chosen_columns(grouped, settings), rules), grouped, name)


def chosen_columns(grouped: Grouped, settings: WbfSettings) -> Columns:
    """Returns the columns with models of weight 0 covering no image.

    Raises:
        RecipeError: If there are weights, but not one for each model.
    """
    _check_lengths(settings, grouped.models)
    if 0 not in settings.weights:
        return grouped.columns
    return grouped.columns._replace(covers=grouped.columns.covers & (np.array(settings.weights) > 0))


def _check_lengths(settings: WbfSettings, models: int) -> None:
    for name in ("weights", "class_weights"):
        values = getattr(settings, name)
        if values and len(values) != models:
            raise RecipeError(f"{name} must be one for each of {models} models, but got {name}={values}.")


def _weights(settings: WbfSettings, grouped: Grouped) -> npt.NDArray[np.float64]:
    """Gives the weight of each model for each label that occurs, shape (models, labels)."""
    _check_lengths(settings, grouped.models)
    labels = grouped.labels
    weights = np.repeat(np.array(settings.weights or (1.0,) * grouped.models, np.float64)[:, None], len(labels), axis=1)
    if not settings.class_weights:
        return weights
    factors = np.array(settings.class_weights, np.float64)
    if labels.size and labels[-1] >= factors.shape[1]:
        raise RecipeError(
            f"class_weights must be one for each class, but there are {factors.shape[1]} and a label {labels[-1]}."
        )
    return np.ascontiguousarray(weights * factors[:, labels])
