"""From a recipe's augmentations to a pipeline of transforms, as mmdet and mmcv name them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmcv.image import imresize
from mmcv.transforms import BaseTransform
from mmengine.registry import TRANSFORMS

from recycle.data.images import read_image
from recycle.recipe import Augmentation, Colour, HorizontalFlip, Resize, View

Transform = dict[str, Any]

META_KEYS = ("img_id", "img_path", "ori_shape", "img_shape", "scale_factor", "flip", "flip_direction")

FLIPS = {"horizontal": "horizontal", "vertical": "vertical", "both": "diagonal"}
"""mmdet's name of each way of mirroring."""


@TRANSFORMS.register_module()
class LoadAnnotatedImage(BaseTransform):
    """Reads an image in the frame of its annotations, whatever its EXIF orientation and colour mode."""

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Adds `img` (uint8, height x width x 3, BGR), `img_shape` and `ori_shape` (height, width)."""
        image = read_image(Path(results["img_path"]), results["width"], results["height"])
        results["img"] = image
        results["img_shape"] = results["ori_shape"] = image.shape[:2]
        return results


@TRANSFORMS.register_module()
class FitSquare(BaseTransform):
    """Scales an image to a length of its longer side, as mmdet's `Resize` does, but never to less than a pixel."""

    def __init__(self, size: int) -> None:
        self._size = size

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Changes `img` and `img_shape`, and adds `scale_factor` (of the width, of the height)."""
        height, width = results["img"].shape[:2]
        factor = self._size / max(height, width)
        size = max(1, int(width * factor + 0.5)), max(1, int(height * factor + 0.5))
        results["img"] = imresize(results["img"], size)
        results["img_shape"] = results["img"].shape[:2]
        results["scale_factor"] = size[0] / width, size[1] / height
        return results


def training_pipeline(
    image_size: int, augmentations: Sequence[Augmentation], *, with_masks: bool = False
) -> list[Transform]:
    """The transforms of a training image, augmentations in their order; masks, if wanted, follow their boxes."""
    return [
        {"type": "LoadAnnotatedImage"},
        {"type": "mmdet.LoadAnnotations", "with_bbox": True, "with_mask": with_masks},
        *(_transform(augmentation, image_size) for augmentation in augmentations),
        {"type": "mmdet.PackDetInputs", "meta_keys": META_KEYS},
    ]


def inference_pipeline(image_size: int) -> list[Transform]:
    """The transforms of an image to be predicted as it is."""
    return [{"type": "LoadAnnotatedImage"}, *view_transforms(image_size, View())]


def view_transforms(image_size: int, view: View) -> list[Transform]:
    """The transforms that make of an image, once it is read, what the network sees of it in one view."""
    size = round(image_size * view.scale)
    flips = [] if view.flip == "none" else [{"type": "mmdet.RandomFlip", "prob": 1.0, "direction": FLIPS[view.flip]}]
    return [
        {"type": "FitSquare", "size": size},
        *flips,
        {"type": "mmdet.PackDetInputs", "meta_keys": META_KEYS},
    ]


def _transform(augmentation: Augmentation, image_size: int) -> Transform:
    if isinstance(augmentation, Resize):
        smallest, largest = (
            round(image_size * factor) for factor in (augmentation.min_factor, augmentation.max_factor)
        )
        return {
            "type": "mmcv.RandomResize",
            "scale": [(smallest, smallest), (largest, largest)],
            "keep_ratio": True,
            "resize_type": "mmdet.Resize",
        }
    if isinstance(augmentation, Colour):
        return {
            "type": "mmdet.PhotoMetricDistortion",
            "brightness_delta": augmentation.brightness,
            "contrast_range": (1 - augmentation.contrast, 1 + augmentation.contrast),
            "saturation_range": (1 - augmentation.saturation, 1 + augmentation.saturation),
            "hue_delta": augmentation.hue,
            "swap_channels": False,
        }
    direction = "horizontal" if isinstance(augmentation, HorizontalFlip) else "vertical"
    return {"type": "mmdet.RandomFlip", "prob": augmentation.probability, "direction": direction}
