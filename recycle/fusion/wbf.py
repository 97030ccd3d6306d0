"""Weighted boxes fusion (Solovyev et al., https://arxiv.org/abs/1910.13302) over whole data sets."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt
from ensemble_boxes import weighted_boxes_fusion

from recycle.errors import DataError, RecipeError
from recycle.predictions.boxes import clip_xyxy, has_area
from recycle.predictions.values import Predictions

ConfidenceType = Literal["avg", "max", "box_and_model_avg", "absent_model_aware_avg"]


@dataclass(frozen=True)
class WbfSettings:
    """What weighted boxes fusion can be told; the defaults are those of `ensemble_boxes`, but for the skip threshold.

    Attributes:
        iou_thr: Boxes of one class that overlap by more than this become one, from 0 to 1.
        skip_box_thr: Boxes that score less are left out, from 0 to 1.
        weights: One positive weight for each model, in the order of `Predictions.models`; empty means equal ones.
        conf_type: How a fused box is scored, see `ensemble_boxes.weighted_boxes_fusion`.

    Raises:
        RecipeError: If a value is outside its range.
    """

    iou_thr: float = 0.55
    skip_box_thr: float = 0.001
    weights: tuple[float, ...] = ()
    conf_type: ConfidenceType = "avg"

    def __post_init__(self) -> None:
        """Checks the ranges."""
        for name in ("iou_thr", "skip_box_thr"):
            if not 0 <= getattr(self, name) <= 1:
                raise RecipeError(f"{name} must be between 0 and 1 inclusive, but got {name}={getattr(self, name)}.")
        for weight in self.weights:
            if not 0 < weight < math.inf:
                raise RecipeError(f"weights must be positive and finite, but got weights={self.weights}.")
        if self.conf_type not in get_args(ConfidenceType):
            allowed = ", ".join(get_args(ConfidenceType))
            raise RecipeError(f"conf_type must be one of {allowed}, but got conf_type={self.conf_type!r}.")


class _Blocks(NamedTuple):
    """Boxes sorted by image and model: block i * models + m holds what model m found on image i."""

    offsets: npt.NDArray[np.int64]
    """Shape (images * models + 1,): block b is the rows from offsets[b] to offsets[b + 1]."""
    boxes: npt.NDArray[np.float64]
    """Shape (n, 4), columns x1, y1, x2, y2 as fractions of the image's size."""
    scores: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int32]


class _Fused(NamedTuple):
    """Fused boxes by ascending image; columns as in `_Blocks`."""

    counts: npt.NDArray[np.int64]
    """Shape (images,): number of boxes of each image."""
    boxes: npt.NDArray[np.float64]
    scores: npt.NDArray[np.float64]
    labels: npt.NDArray[np.float64]


def fuse(
    predictions: Predictions, sizes: Mapping[int, tuple[int, int]], settings: WbfSettings, name: str
) -> Predictions:
    """Fuses all models into one, image by image, and rescales scores by the models that cover the image.

    Scores of "avg" with unequal weights can exceed 1 and are cut there. Boxes that score 0 are left out, as their
    weighted mean would be 0 / 0.

    Args:
        predictions: Boxes of one or more models; a single model's own overlapping boxes are fused as well.
        sizes: Width and height in pixels, by image id, of every covered image.
        settings: Thresholds, weights and the kind of score.
        name: What the fused model is called.

    Returns:
        Predictions of the model `name`, which covers what any model covered, by ascending image id and, within an
        image, by descending score.

    Raises:
        RecipeError: If there are weights, but not one for each model.
        DataError: If there is no model, a covered image has no size, or a box leaves its image.
    """
    if not predictions.models:
        raise DataError("Predictions to fuse must be of at least one model, but got none.")
    weights = _weights(settings, predictions.models)
    image_ids = predictions.covered
    limits = _limits(image_ids, sizes)
    _check_inside(predictions, limits[np.searchsorted(image_ids, predictions.image_ids)])
    covers = np.stack([np.isin(image_ids, ids) for ids in predictions.coverage], axis=1)
    blocks = _blocks(predictions, image_ids, limits, settings.skip_box_thr)
    fused = _fuse_blocks(blocks, covers, weights, settings)
    return _to_predictions(fused, image_ids, limits, name)


def _weights(settings: WbfSettings, models: tuple[str, ...]) -> npt.NDArray[np.float64]:
    if settings.weights and len(settings.weights) != len(models):
        raise RecipeError(f"weights must be one for each of {len(models)} models, but got weights={settings.weights}.")
    return np.array(settings.weights or (1.0,) * len(models))


def _limits(image_ids: npt.NDArray[np.int64], sizes: Mapping[int, tuple[int, int]]) -> npt.NDArray[np.float64]:
    """Gives width, height, width, height of each image, shape (images, 4)."""
    missing = [image_id for image_id in image_ids.tolist() if image_id not in sizes]
    if missing:
        raise DataError(f"Every predicted image must have a size, but image {missing[0]} has none.")
    pairs = np.array([sizes[image_id] for image_id in image_ids.tolist()], np.float64).reshape(-1, 2)
    return np.tile(pairs, 2)


def _check_inside(predictions: Predictions, limits: npt.NDArray[np.float64]) -> None:
    outside = ((predictions.boxes < 0) | (predictions.boxes > limits)).any(axis=1)
    if outside.any():
        row = int(np.argmax(outside))
        raise DataError(
            f"Predictions row {row} (image {predictions.image_ids[row]}): box must lie within the image of "
            f"{limits[row, 0]:g} x {limits[row, 1]:g} pixels, but got {predictions.boxes[row]}."
        )


def _blocks(
    predictions: Predictions,
    image_ids: npt.NDArray[np.int64],
    limits: npt.NDArray[np.float64],
    skip_box_thr: float,
) -> _Blocks:
    kept = (predictions.scores >= skip_box_thr) & (predictions.scores > 0)
    images = np.searchsorted(image_ids, predictions.image_ids)
    keys = images * len(predictions.models) + predictions.model_ids
    rows = np.flatnonzero(kept)[np.argsort(keys[kept], kind="stable")]
    return _Blocks(
        offsets=np.searchsorted(keys[rows], np.arange(len(image_ids) * len(predictions.models) + 1)),
        boxes=predictions.boxes[rows] / limits[images[rows]],
        scores=predictions.scores[rows],
        labels=predictions.labels[rows],
    )


def _fuse_blocks(
    blocks: _Blocks,
    covers: npt.NDArray[np.bool_],
    weights: npt.NDArray[np.float64],
    settings: WbfSettings,
) -> _Fused:
    results = []
    for image, covering in enumerate(covers):
        models = np.flatnonzero(covering)
        slices = [slice(*blocks.offsets[block : block + 2]) for block in image * len(weights) + models]
        results.append(
            weighted_boxes_fusion(
                [blocks.boxes[rows] for rows in slices],
                [blocks.scores[rows] for rows in slices],
                [blocks.labels[rows] for rows in slices],
                weights=weights[models],
                iou_thr=settings.iou_thr,
                conf_type=settings.conf_type,
            )
        )
    return _joined(results)


def _joined(results: list[tuple[npt.NDArray[np.float64], ...]]) -> _Fused:
    nothing = (np.zeros((0, 4)), np.zeros(0), np.zeros(0))
    boxes, scores, labels = (np.concatenate(column) for column in zip(nothing, *results, strict=True))
    return _Fused(np.array([len(result[1]) for result in results], np.int64), boxes, scores, labels)


def _to_predictions(
    fused: _Fused, image_ids: npt.NDArray[np.int64], limits: npt.NDArray[np.float64], name: str
) -> Predictions:
    pixels = np.repeat(limits, fused.counts, axis=0)
    boxes = clip_xyxy((fused.boxes * pixels).astype(np.float32), pixels[:, 0], pixels[:, 1])
    kept = has_area(boxes)
    return Predictions(
        image_ids=np.repeat(image_ids, fused.counts)[kept],
        model_ids=np.zeros(np.count_nonzero(kept), np.int32),
        boxes=boxes[kept],
        scores=np.minimum(fused.scores[kept], 1),
        labels=fused.labels[kept].astype(np.int32),
        models=(name,),
        coverage=(image_ids,),
    )
