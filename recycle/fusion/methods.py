"""Ways to fuse the boxes of several models: weighted boxes fusion, and those that `ensemble_boxes` has besides."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
from ensemble_boxes import nms, non_maximum_weighted, soft_nms

from recycle.errors import RecipeError
from recycle.fusion.wbf import WbfSettings, chosen_columns, fuse_grouped
from recycle.fusion.wbf_columns import Grouped, group, ungroup
from recycle.fusion.wbf_kernel import Columns, Fused
from recycle.predictions.values import Predictions
from recycle.recipe.fusion import Method

__all__ = ["FusionSettings", "Method", "fuse_by", "fuse_grouped_by"]

_ONLY_WBF = ("conf_type", "allows_overflow", "class_weights")


@dataclass(frozen=True)
class FusionSettings(WbfSettings):
    """What any method of fusion can be told.

    Attributes:
        method: "wbf" (weighted boxes fusion), "nms" (non-maximum suppression), "soft_nms" (the Gaussian one, which
            drops boxes whose lowered score is not above `skip_box_thr` but does not lower scores in the result) or
            "nmw" (non-maximum weighted).
        sigma: Width of the Gaussian of "soft_nms", above 0.

    Raises:
        RecipeError: If a value is outside its range, or has no meaning for the method.
    """

    method: Method = "wbf"
    sigma: float = 0.5

    def __post_init__(self) -> None:
        """Checks the ranges."""
        super().__post_init__()
        if self.method not in get_args(Method):
            raise RecipeError(f"method must be one of {', '.join(get_args(Method))}, but got method={self.method!r}.")
        if not self.sigma > 0:
            raise RecipeError(f"sigma must be above 0, but got sigma={self.sigma}.")
        for name in _ONLY_WBF if self.method != "wbf" else ():
            if getattr(self, name) != getattr(WbfSettings, name):
                raise RecipeError(f"{name} needs method='wbf', but got {name}={getattr(self, name)!r}.")


def fuse_by(
    predictions: Predictions, sizes: Mapping[int, tuple[int, int]], settings: FusionSettings, name: str
) -> Predictions:
    """Fuses all models into one by the method that the settings name.

    All methods but "wbf" take each image in turn and settle ties as their library happens to.

    Args:
        predictions: Boxes of one or more models.
        sizes: Width and height in pixels, by image id, of every covered image.
        settings: The method and what it can be told.
        name: What the fused model is called.

    Returns:
        As `recycle.fusion.wbf.fuse_grouped` returns.

    Raises:
        RecipeError: If there are weights, but not one for each model.
        DataError: If there is no model, a covered image has no size, or a box leaves its image.
    """
    return fuse_grouped_by(group(predictions, sizes), settings, name)


def fuse_grouped_by(grouped: Grouped, settings: FusionSettings, name: str) -> Predictions:
    """Does as `fuse_by` with predictions that were made ready before.

    Raises:
        RecipeError: If there are weights, but not one for each model.
    """
    if settings.method == "wbf":
        return fuse_grouped(grouped, settings, name)
    return ungroup(_fuse_images(chosen_columns(grouped, settings), settings), grouped, name)


def _fuse_images(columns: Columns, settings: FusionSettings) -> Fused:
    images, rows = len(columns.covers), len(columns.boxes)
    fused = Fused(np.zeros(images, np.int64), np.empty((rows, 4)), np.empty(rows), np.empty(rows, np.int64))
    for image in range(images):
        start = columns.group_rows[columns.image_groups[image]]
        boxes, scores, labels = _fuse_image(columns, image, settings)
        order = np.argsort(-scores, kind="stable")
        place = slice(start, start + len(order))
        fused.counts[image] = len(order)
        fused.boxes[place], fused.scores[place], fused.labels[place] = boxes[order], scores[order], labels[order]
    return fused


def _fuse_image(columns: Columns, image: int, settings: FusionSettings) -> tuple[npt.NDArray[Any], ...]:
    groups = slice(*columns.image_groups[image : image + 2])
    ends = columns.group_rows[groups.start : groups.stop + 1]
    rows = np.arange(ends[0], ends[-1])
    labels = np.repeat(columns.labels[groups], np.diff(ends))
    scores, takes_part = columns.scores[rows], columns.covers[image, columns.models[rows]]
    kept = (scores >= settings.skip_box_thr) & (scores > 0) & takes_part
    rows, labels = rows[kept], labels[kept]
    if not rows.size:
        return np.empty((0, 4)), np.empty(0), np.empty(0, np.int64)
    covering = np.flatnonzero(columns.covers[image])
    parts = [columns.models[rows] == model for model in covering]
    lists = [[column[part] for part in parts] for column in (columns.boxes[rows], columns.scores[rows], labels)]
    weights = np.array(settings.weights)[covering] if settings.weights else None
    return _suppress(lists, weights, settings)


def _suppress(
    lists: list[list[npt.NDArray[Any]]], weights: npt.NDArray[np.float64] | None, settings: FusionSettings
) -> tuple[npt.NDArray[Any], ...]:
    if settings.method == "nmw":
        return non_maximum_weighted(*lists, weights=weights, iou_thr=settings.iou_thr)  # type: ignore[no-any-return]
    if settings.method == "nms":
        return nms(*lists, weights=weights, iou_thr=settings.iou_thr)  # type: ignore[no-any-return]
    # It makes weights sum to one and so scores as many times smaller as there are models, but not the threshold.
    thresh = settings.skip_box_thr / (1 if weights is None else len(weights))
    return soft_nms(  # type: ignore[no-any-return]
        *lists, weights=weights, iou_thr=settings.iou_thr, sigma=settings.sigma, thresh=thresh
    )
