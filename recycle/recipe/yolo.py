"""The families that come from ultralytics (AGPL-3.0)."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import model_validator

from recycle.recipe.losses import UsableLosses
from recycle.recipe.training import ModelSettings

YOLOFamily = Literal["yolov5", "yolov8", "yolov9", "yolov10", "yolo11", "yolo12", "yolo26"]
YOLO_SIZES: Mapping[YOLOFamily, tuple[str, ...]] = {
    "yolov5": ("tiny", "n", "s", "m", "l", "x"),
    "yolov8": ("n", "s", "m", "l", "x"),
    "yolov9": ("t", "s", "m", "c", "e"),
    "yolov10": ("n", "s", "m", "b", "l", "x"),
    "yolo11": ("n", "s", "m", "l", "x"),
    "yolo12": ("n", "s", "m", "l", "x"),
    "yolo26": ("n", "s", "m", "l", "x"),
}
"""What ultralytics ships, from small to large, and `tiny`, which is ours."""


class YOLO(ModelSettings):
    """A YOLO of ultralytics; its yolov5 is YOLOv5u: YOLOv5's network with the anchor-free head of its successors."""

    usable_losses: ClassVar[UsableLosses] = UsableLosses(("cross_entropy", "focal"), class_weights=True)

    family: YOLOFamily
    size: Literal["tiny", "t", "n", "s", "m", "b", "c", "l", "e", "x"] = "s"
    """`tiny` is the neck and head of yolov5's `n` on an EfficientNet-Lite0 whose ImageNet weights are installed."""

    @model_validator(mode="after")
    def _size_exists(self) -> "YOLO":
        sizes = YOLO_SIZES[self.family]
        if self.size not in sizes:
            raise ValueError(f"size of {self.family} must be one of {', '.join(sizes)}, but got size={self.size!r}")
        return self

    @model_validator(mode="after")
    def _pretrained_exists(self) -> "YOLO":
        if self.size != "tiny" and self.pretrained == "imagenet":
            raise ValueError(
                f"pretrained must be 'none' or a path, as YOLO has ImageNet weights only at size 'tiny', "
                f"but got size={self.size!r}"
            )
        return self
