"""The value type that every stage after inference takes: boxes of one or several models as parallel columns."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recycle.errors import DataError

_DTYPES = {
    "image_ids": np.int64,
    "model_ids": np.int32,
    "boxes": np.float32,
    "scores": np.float32,
    "labels": np.int32,
}


@dataclass(frozen=True, eq=False)
class Predictions:
    """Boxes that models predicted on images, row i of every column describing box i.

    Columns are converted to the types below (integers stay integers), checked once and then read-only.

    Attributes:
        image_ids: Shape (n,), int64, the image of each box.
        model_ids: Shape (n,), int32, index into `models`.
        boxes: Shape (n, 4), float32, columns x1, y1, x2, y2 in pixels, finite, x2 > x1 and y2 > y1.
        scores: Shape (n,), float32, from 0 to 1.
        labels: Shape (n,), int32, index into the data set's categories in their order.
        models: The models' names, all different.
        coverage: For each model the sorted ids, int64, of the images it has seen, with or without boxes.

    Raises:
        DataError: If a column breaks a rule above, or a box lies on an image that its model does not cover.
    """

    image_ids: npt.NDArray[np.int64]
    model_ids: npt.NDArray[np.int32]
    boxes: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int32]
    models: tuple[str, ...]
    coverage: tuple[npt.NDArray[np.int64], ...]

    def __post_init__(self) -> None:
        """Converts and checks the columns."""
        for name, dtype in _DTYPES.items():
            object.__setattr__(self, name, _column(name, getattr(self, name), dtype))
        object.__setattr__(self, "models", tuple(self.models))
        object.__setattr__(self, "coverage", tuple(_column("coverage", ids, np.int64) for ids in self.coverage))
        _check_models(self)
        _check_shapes(self)
        _check_rows(self)
        _check_coverage(self)

    @classmethod
    def empty(cls, models: Sequence[str], coverage: Sequence[npt.NDArray[np.int64]]) -> "Predictions":
        """Makes a value without boxes: each model has seen its images and found nothing."""
        columns = {name: np.zeros((0, 4) if name == "boxes" else 0, dtype) for name, dtype in _DTYPES.items()}
        return cls(**columns, models=tuple(models), coverage=tuple(coverage))

    def __len__(self) -> int:
        """Returns the number of boxes."""
        return len(self.image_ids)

    @property
    def covered(self) -> npt.NDArray[np.int64]:
        """The sorted ids of the images that at least one model covers."""
        return np.unique(np.concatenate([np.zeros(0, np.int64), *self.coverage]))

    def of_model(self, name: str) -> "Predictions":
        """Returns what one model predicted.

        Raises:
            DataError: If no model has this name.
        """
        if name not in self.models:
            raise DataError(f"Model must be one of {', '.join(self.models)}, but got {name!r}.")
        index = self.models.index(name)
        rows = self.model_ids == index
        columns = {**_rows(self, rows), "model_ids": np.zeros(np.count_nonzero(rows), np.int32)}
        return Predictions(**columns, models=(name,), coverage=(self.coverage[index],))

    def of_images(self, image_ids: Collection[int] | npt.NDArray[np.int64]) -> "Predictions":
        """Returns what was predicted on these images; ids that no model covers are ignored."""
        wanted = np.fromiter(image_ids, np.int64, len(image_ids))
        coverage = tuple(ids[np.isin(ids, wanted)] for ids in self.coverage)
        return Predictions(**_rows(self, np.isin(self.image_ids, wanted)), models=self.models, coverage=coverage)

    def renamed(self, *names: str) -> "Predictions":
        """Returns the same boxes with new model names, given in the order of `models`."""
        return Predictions(**_rows(self, slice(None)), models=names, coverage=self.coverage)


def concatenate(parts: Sequence[Predictions]) -> Predictions:
    """Joins predictions; models are united by name, in the order of their first appearance.

    A model that several parts hold (one for each fold, say) gets the union of their coverage.

    Raises:
        DataError: If there is no part, or two parts hold predictions of one model on the same image.
    """
    if not parts:
        raise DataError("Predictions to concatenate must be at least one, but got none.")
    models = tuple(dict.fromkeys(name for part in parts for name in part.models))
    coverage = tuple(_united_coverage(parts, name) for name in models)
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _DTYPES if name != "model_ids"}
    model_ids = np.concatenate([_reindexed(part, models) for part in parts])
    return Predictions(**columns, model_ids=model_ids, models=models, coverage=coverage)


def _column(name: str, values: npt.ArrayLike, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    array = np.asarray(values)
    if not np.can_cast(array.dtype, dtype, casting="same_kind"):
        raise DataError(f"Predictions.{name} must be {np.dtype(dtype)}, but got {array.dtype}.")
    column: npt.NDArray[Any] = np.ascontiguousarray(array, dtype).view()
    column.setflags(write=False)
    return column


def _check_models(value: Predictions) -> None:
    if len(set(value.models)) != len(value.models) or "" in value.models:
        raise DataError(f"Predictions.models must be different names, but got {value.models}.")
    if len(value.coverage) != len(value.models):
        raise DataError(
            f"Predictions.coverage must have one array for each of {len(value.models)} models, "
            f"but got {len(value.coverage)}."
        )
    for name, ids in zip(value.models, value.coverage, strict=True):
        if ids.ndim != 1 or not np.all(ids[1:] > ids[:-1]):
            raise DataError(f"Coverage of model {name!r} must be sorted ids without repetition, but got {ids}.")


def _check_shapes(value: Predictions) -> None:
    for name in _DTYPES:
        shape = getattr(value, name).shape
        expected = (len(value), 4) if name == "boxes" else (len(value),)
        if shape != expected:
            raise DataError(f"Predictions.{name} must have shape {expected}, but got {shape}.")


def _check_rows(value: Predictions) -> None:
    x1, y1, x2, y2 = value.boxes.T
    scores, labels, model_ids = value.scores, value.labels, value.model_ids
    checks = (
        ("model_id must be an index into models", model_ids, (model_ids < 0) | (model_ids >= len(value.models))),
        ("box must be finite", value.boxes, ~np.isfinite(value.boxes).all(axis=1)),
        ("box must have x2 > x1 and y2 > y1", value.boxes, ~((x2 > x1) & (y2 > y1))),
        ("score must be between 0 and 1 inclusive", scores, ~((scores >= 0) & (scores <= 1))),
        ("label must not be negative", labels, labels < 0),
    )
    for rule, column, wrong in checks:
        if wrong.any():
            row = int(np.argmax(wrong))
            raise DataError(
                f"Predictions row {row} (image {value.image_ids[row]}): {rule}, but got {column[row].tolist()}."
            )


def _check_coverage(value: Predictions) -> None:
    for index, name in enumerate(value.models):
        image_ids = value.image_ids[value.model_ids == index]
        outside = image_ids[~np.isin(image_ids, value.coverage[index])]
        if outside.size:
            raise DataError(f"Model {name!r} must cover the images of its boxes, but it does not cover {outside[0]}.")


def _rows(value: Predictions, rows: npt.NDArray[np.bool_] | slice) -> dict[str, npt.NDArray[Any]]:
    return {name: getattr(value, name)[rows] for name in _DTYPES}


def _coverages_of(parts: Sequence[Predictions], name: str) -> Iterator[npt.NDArray[np.int64]]:
    for part in parts:
        if name in part.models:
            yield part.coverage[part.models.index(name)]


def _united_coverage(parts: Sequence[Predictions], name: str) -> npt.NDArray[np.int64]:
    ids, counts = np.unique(np.concatenate(list(_coverages_of(parts, name))), return_counts=True)
    if np.any(counts > 1):
        raise DataError(
            f"Model {name!r} must predict an image once, but image {ids[counts > 1][0]} comes from several parts."
        )
    return ids


def _reindexed(part: Predictions, models: tuple[str, ...]) -> npt.NDArray[np.int32]:
    index = np.array([models.index(name) for name in part.models], np.int32)
    return index[part.model_ids]
