"""From a recipe's augmentations to a pipeline of transforms, as mmdet and mmcv name them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmcv.transforms import BaseTransform
from mmengine.registry import TRANSFORMS

from recycle.data.images import read_image
from recycle.recipe import Augmentation, Colour, HorizontalFlip, Resize

Transform = dict[str, Any]

META_KEYS = ("img_id", "img_path", "ori_shape", "img_shape", "scale_factor", "flip", "flip_direction")


@TRANSFORMS.register_module()
class LoadAnnotatedImage(BaseTransform):
    """Reads an image in the frame of its annotations, whatever its EXIF orientation and colour mode."""

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Adds `img` (uint8, height x width x 3, BGR), `img_shape` and `ori_shape` (height, width)."""
        image = read_image(Path(results["img_path"]), results["width"], results["height"])
        results["img"] = image
        results["img_shape"] = results["ori_shape"] = image.shape[:2]
        return results


def training_pipeline(image_size: int, augmentations: Sequence[Augmentation]) -> list[Transform]:
    """The transforms of a training image, augmentations in their order."""
    return [
        {"type": "LoadAnnotatedImage"},
        {"type": "mmdet.LoadAnnotations", "with_bbox": True},
        *(_transform(augmentation, image_size) for augmentation in augmentations),
        {"type": "mmdet.PackDetInputs", "meta_keys": META_KEYS},
    ]


def inference_pipeline(image_size: int) -> list[Transform]:
    """The transforms of an image to be predicted."""
    return [
        {"type": "LoadAnnotatedImage"},
        {"type": "mmdet.Resize", "scale": (image_size, image_size), "keep_ratio": True},
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
