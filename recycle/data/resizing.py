"""Scaling of an image with all that is known of it, so that it fits a square."""

from typing import Any

import numpy as np
from mmengine.registry import TRANSFORMS


@TRANSFORMS.register_module()
class FitSquare:
    """Scales an image to a length of its longer side, as mmdet's `Resize` does, but never to less than a pixel.

    Args:
        smallest: Least length of the longer side, in pixels.
        largest: Largest length; each between the two is drawn equally often, from NumPy's global generator.
    """

    def __init__(self, smallest: int, largest: int) -> None:
        self._range = smallest, largest
        self._resize = TRANSFORMS.build({"type": "mmdet.Resize", "scale": (largest, largest)})

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Changes `img`, `img_shape`, boxes and masks, and adds `scale_factor` (of the width, of the height)."""
        smallest, largest = self._range
        height, width = results["img"].shape[:2]
        factor = np.random.randint(smallest, largest + 1) / max(height, width)
        self._resize.scale = max(1, int(width * factor + 0.5)), max(1, int(height * factor + 0.5))
        resized: dict[str, Any] = self._resize(results)
        return resized
