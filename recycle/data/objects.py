"""The objects of a training image as columns, and what remains of them when the image is cut."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Results = dict[str, Any]
"""All that is known of an image on its way through mmdet's transforms, by mmdet's keys."""

Image = npt.NDArray[np.uint8]
"""Shape (height, width, 3), BGR."""


@dataclass(frozen=True, eq=False)
class Objects:
    """The objects of one image.

    Attributes:
        boxes: (N, 4) float32, x1, y1, x2, y2 in pixels.
        labels: (N,) int64.
        ignored: (N,) bool; true of regions in which nothing is learned, such as crowds.
        masks: (N, height, width) uint8 of 0 and 1; None where masks are not loaded.
    """

    boxes: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    ignored: npt.NDArray[np.bool_]
    masks: npt.NDArray[np.uint8] | None

    @classmethod
    def of(cls, results: Results) -> "Objects":
        """The objects that mmdet's `LoadAnnotations` left."""
        return cls(
            results["gt_bboxes"].tensor.numpy().reshape(-1, 4),
            results["gt_bboxes_labels"],
            results["gt_ignore_flags"],
            results["gt_masks"].masks if "gt_masks" in results else None,
        )

    def put_into(self, results: Results, image: Image) -> Results:
        """A copy of `results` with these objects in another image, of whose size the masks are."""
        height, width = image.shape[:2]
        changed = {
            "img": image,
            "img_shape": (height, width),
            "gt_bboxes": type(results["gt_bboxes"])(self.boxes),
            "gt_bboxes_labels": self.labels,
            "gt_ignore_flags": self.ignored,
        }
        if self.masks is not None:
            changed["gt_masks"] = type(results["gt_masks"])(self.masks, height, width)
        return {**results, **changed}

    def areas(self) -> npt.NDArray[np.float64]:
        """Number of pixels of each mask, or areas of the boxes where there are no masks."""
        if self.masks is not None:
            return np.array([cv2.countNonZero(mask) for mask in self.masks], np.float64)
        sides = np.maximum(self.boxes[:, 2:] - self.boxes[:, :2], 0).astype(np.float64)
        return np.asarray(sides[:, 0] * sides[:, 1])

    def chosen(self, which: npt.NDArray[np.bool_]) -> "Objects":
        """Those of which `which`, (N,), is true."""
        masks = self.masks if self.masks is None else self.masks[which]
        return Objects(self.boxes[which], self.labels[which], self.ignored[which], masks)

    def fitted(self) -> "Objects":
        """The same with boxes that are the extents of their masks, where masks are loaded; none may be empty."""
        if self.masks is None:
            return self
        extents = np.array([cv2.boundingRect(mask) for mask in self.masks], np.float32).reshape(-1, 4)
        extents[:, 2:] += extents[:, :2]
        return replace(self, boxes=extents)

    def visible(self, whole: npt.NDArray[np.float64], min_visible: float) -> "Objects":
        """What is left once an image was cut: objects that show too little are dropped, and boxes fit their masks.

        Args:
            whole: (N,) the area that each would have, had nothing been cut off.
            min_visible: The least part of it. Of ignored regions whatever is left stays.
        """
        areas = self.areas()
        return self.chosen((areas > 0) & (self.ignored | (areas >= min_visible * whole))).fitted()

    def cut(self, left: int, top: int, right: int, bottom: int, min_visible: float) -> "Objects":
        """What is left of them in a window of the image, in pixels of that window."""
        corner, size = np.array([left, top] * 2, np.float32), np.array([right - left, bottom - top] * 2, np.float32)
        masks = self.masks if self.masks is None else self.masks[:, top:bottom, left:right]
        inside = replace(self, boxes=np.clip(self.boxes - corner, 0, size), masks=masks)
        return inside.visible(self.areas(), min_visible)

    def placed(self, left: int, top: int, height: int, width: int) -> "Objects":
        """The same on a canvas of this height and width, their image's corner at column `left` and row `top`."""
        boxes = self.boxes + np.array([left, top] * 2, np.float32)
        if self.masks is None:
            return replace(self, boxes=boxes)
        masks = np.zeros((len(self.masks), height, width), np.uint8)
        masks[:, top : top + self.masks.shape[1], left : left + self.masks.shape[2]] = self.masks
        return replace(self, boxes=boxes, masks=masks)


def join(parts: Sequence[Objects]) -> Objects:
    """All objects of several parts of one canvas, in their order."""
    masks = [part.masks for part in parts if part.masks is not None]
    return Objects(
        np.concatenate([part.boxes for part in parts]),
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.ignored for part in parts]),
        np.concatenate(masks) if masks else None,
    )
