"""The families and what each of them can be told."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from recycle.recipe.training import ModelSettings

CascadeBackbone = Literal["efficientnet_lite0", "resnet50", "resnet101", "resnext101_32x4d", "resnext101_64x4d"]


class CascadeRCNN(ModelSettings):
    """Cascade R-CNN with a feature pyramid (Cai and Vasconcelos, 2018), from mmdet."""

    family: Literal["cascade_rcnn"]
    backbone: CascadeBackbone = "resnet50"
    """`efficientnet_lite0` is small and its ImageNet weights come with the installation."""
    fpn_channels: int = Field(default=256, ge=16)
    """Channels of the feature pyramid and the region proposal network."""
    head_channels: int = Field(default=1024, ge=16)
    """Width of the fully connected layers of the three box heads."""
    proposals: int = Field(default=1000, ge=10)
    """Regions that go from the proposal network to the box heads."""
    sampled_rois: int = Field(default=512, ge=8)
    """Regions of each image that the box heads are trained on."""


class YOLOv5(ModelSettings):
    """YOLOv5u of ultralytics: YOLOv5's network with the anchor-free head of its successors (AGPL-3.0)."""

    family: Literal["yolov5"]
    size: Literal["tiny", "n", "s", "m", "l", "x"] = "s"
    """`tiny` is the neck and head of `n` on an EfficientNet-Lite0 whose ImageNet weights are installed."""

    @model_validator(mode="after")
    def _pretrained_exists(self) -> "YOLOv5":
        if self.size != "tiny" and self.pretrained == "imagenet":
            raise ValueError(
                f"pretrained must be 'none' or a path, as yolov5 has ImageNet weights only at size 'tiny', "
                f"but got size={self.size!r}"
            )
        return self


Model = Annotated[CascadeRCNN | YOLOv5, Field(discriminator="family")]
