"""Pure NumPy functions on boxes, named by format: xyxy is (x1, y1, x2, y2), xywh is (x1, y1, width, height)."""

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Float = TypeVar("Float", np.float32, np.float64)


def xywh_to_xyxy(boxes: npt.NDArray[Float]) -> npt.NDArray[Float]:
    """Turns corner and size into two corners.

    Args:
        boxes: Shape (n, 4), columns x1, y1, width, height, in any unit.

    Returns:
        A new array of shape (n, 4) and the same type, columns x1, y1, x2, y2.
    """
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


def xyxy_to_xywh(boxes: npt.NDArray[Float]) -> npt.NDArray[Float]:
    """Turns two corners into corner and size.

    Args:
        boxes: Shape (n, 4), columns x1, y1, x2, y2, in any unit.

    Returns:
        A new array of shape (n, 4) and the same type, columns x1, y1, width, height.
    """
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)


def clip_xyxy(
    boxes: npt.NDArray[Float],
    width: float | npt.NDArray[np.number[Any]],
    height: float | npt.NDArray[np.number[Any]],
) -> npt.NDArray[Float]:
    """Cuts boxes at the borders of their image.

    Args:
        boxes: Shape (n, 4), columns x1, y1, x2, y2, in pixels.
        width: Width in pixels of the one image all boxes lie on, or of each box's image, shape (n,).
        height: Height in pixels, likewise.

    Returns:
        A new array of shape (n, 4) and the same type. A box outside its image loses its area, see `has_area`.
    """
    limits = np.stack(np.broadcast_arrays(width, height, width, height), axis=-1).astype(boxes.dtype)
    return np.clip(boxes, 0, limits)


def has_area(boxes: npt.NDArray[Float]) -> npt.NDArray[np.bool_]:
    """Tells which boxes are wider and higher than nothing.

    Args:
        boxes: Shape (n, 4), columns x1, y1, x2, y2, in any unit.

    Returns:
        Shape (n,): whether x2 > x1 and y2 > y1.
    """
    return np.logical_and(boxes[:, 2] > boxes[:, 0], boxes[:, 3] > boxes[:, 1])
