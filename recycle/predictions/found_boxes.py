"""What a file of predictions holds, before it is known which data set its images belong to."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recycle.errors import DataError
from recycle.predictions.boxes import clip_xyxy, has_area

COLUMNS = ("label", "score", "xmin", "ymin", "xmax", "ymax")
MOST_LABELS = 2**31
ROUNDING = 0.01
"""Pixels by which a box may overshoot uncounted: what text of six digits makes of a box at the border."""


@dataclass(frozen=True, eq=False)
class FoundBoxes:
    """The boxes of a file; box i is described by row i of `values`, `positions` and `places`.

    Attributes:
        source: The file or folder, as the user named it.
        format: What it was taken for, in words.
        images: File names of the images, all different.
        lists_all: Whether images without boxes are named, too; some formats cannot.
        values: Shape (n, 6), columns as `COLUMNS`: label, score, xmin, ymin, xmax, ymax in pixels.
        positions: Shape (n,), index into `images`.
        places: Shape (n,), the number of the line or record that holds the box.
        unit: What `places` counts, for messages.

    Raises:
        DataError: If a number is not finite, a label not whole or negative, or a score outside 0 to 1; the message
            names file, place, image and value.
    """

    source: str
    format: str
    images: tuple[str, ...]
    lists_all: bool
    values: npt.NDArray[np.float64]
    positions: npt.NDArray[np.int64]
    places: npt.NDArray[np.int64]
    unit: str

    def __post_init__(self) -> None:
        """Checks what holds in any data set."""
        finite = np.isfinite(self.values)
        if not finite.all():
            row, column = np.argwhere(~finite)[0]
            self._refuse(int(row), int(column), "must be finite")
        labels, scores = self.values[:, 0], self.values[:, 1]
        is_label = (labels == np.floor(labels)) & (labels >= 0) & (labels < MOST_LABELS)
        self.require(is_label, 0, "must be a whole number from 0")
        self.require((scores >= 0) & (scores <= 1), 1, "must be between 0 and 1 inclusive")

    def __len__(self) -> int:
        """Returns the number of boxes."""
        return len(self.values)

    @property
    def labels(self) -> npt.NDArray[np.int32]:
        """Shape (n,): the class of each box."""
        return self.values[:, 0].astype(np.int32)

    def place(self, row: int) -> str:
        """Where a box stands, for messages: file, line or record, and image."""
        return f"{self.source}: {self.unit} {self.places[row]}, image {self.images[self.positions[row]]}"

    def require(self, holds: npt.NDArray[np.bool_], column: int, rule: str) -> None:
        """Refuses the first box for which a rule on one column does not hold.

        Args:
            holds: Shape (n,).
            column: Index into `COLUMNS`.
            rule: What follows the column's name in the message.

        Raises:
            DataError: If there is such a box.
        """
        if not holds.all():
            self._refuse(int(np.argmin(holds)), column, rule)

    def _refuse(self, row: int, column: int, rule: str) -> None:
        name, value = COLUMNS[column], self.values[row, column]
        raise DataError(f"{self.place(row)}: {name} {rule}, but got {name}={value:.9g}")


@dataclass(frozen=True, eq=False)
class FittedBoxes:
    """The boxes of a file that have an area, cut at the borders of their images.

    Attributes:
        rows: Shape (m,), which of the boxes found are left.
        boxes: Shape (m, 4), float32, columns x1, y1, x2, y2 in pixels.
        dropped: How many were left out because nothing of them lies on the image.
        clipped: How many of those left overshot their image by more than rounding.
    """

    rows: npt.NDArray[np.int64]
    boxes: npt.NDArray[np.float32]
    dropped: int
    clipped: int


def fit_to_images(found: FoundBoxes, sizes: Mapping[str, tuple[int, int]], *, strict: bool) -> FittedBoxes:
    """Cuts boxes at the borders of their images and leaves out those without area.

    Args:
        found: Boxes of a file.
        sizes: Width and height in pixels, by file name, of every image of the file.
        strict: Whether such boxes are refused instead.

    Raises:
        DataError: If `strict`, and a box has no area or overshoots its image.
    """
    limits = np.array([sizes[name] for name in found.images]).reshape(-1, 2)[found.positions]
    given = found.values[:, 2:]
    boxes = clip_xyxy(given, limits[:, 0], limits[:, 1]).astype(np.float32)
    kept = has_area(boxes)
    overshoots = np.any(np.abs(given - boxes) > ROUNDING + np.spacing(boxes), axis=1)
    if strict:
        _require_clean(found, limits, kept, overshoots)
    return FittedBoxes(
        rows=np.flatnonzero(kept),
        boxes=boxes[kept],
        dropped=int(np.count_nonzero(~kept)),
        clipped=int(np.count_nonzero(kept & overshoots)),
    )


def _require_clean(
    found: FoundBoxes,
    limits: npt.NDArray[np.int64],
    has_area_inside: npt.NDArray[np.bool_],
    overshoots: npt.NDArray[np.bool_],
) -> None:
    wrong = overshoots | ~has_area_inside
    if not wrong.any():
        return
    row = int(np.argmax(wrong))
    width, height = limits[row]
    rule = f"a box must lie within its image of {width}x{height}" if overshoots[row] else "a box must have an area"
    corners = " ".join(f"{value:.9g}" for value in found.values[row, 2:])
    raise DataError(f"{found.place(row)}: {rule}, but got {corners}")
