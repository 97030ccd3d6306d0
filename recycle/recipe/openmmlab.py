"""The families that come from mmdet."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from recycle.recipe.losses import BOX_HEAD_LOSSES, DENSE_HEAD_LOSSES, UsableLosses
from recycle.recipe.training import ModelSettings

TIMM_PREFIX = "timm/"

Packaged = Literal["efficientnet_lite0"]
ResNet = Literal["resnet50", "resnet101", "resnext101_32x4d", "resnext101_64x4d"]
Swin = Literal["swin_t", "swin_s", "swin_b", "swin_l"]
Timm = Annotated[str, Field(pattern=rf"^{TIMM_PREFIX}[A-Za-z0-9_.-]+$")]

BOX_HEADS_OF_A_CASCADE = 3


class OpenMMLab(ModelSettings):
    """What the families of mmdet have in common.

    Each takes any backbone of timm that has feature maps of strides 4 to 32, as `timm/convnext_tiny`, and
    `efficientnet_lite0`, which is small and whose ImageNet weights come with the installation.
    """

    backbone: Packaged | ResNet | Swin | Timm
    """The network that sees the image."""
    activation_checkpointing: bool = False
    """Computes the backbone's activations a second time instead of keeping them: a third slower, far less memory."""


class TwoStage(OpenMMLab):
    """Proposes regions, then looks at each."""

    usable_losses: ClassVar[UsableLosses] = BOX_HEAD_LOSSES

    fpn_channels: int = Field(default=256, ge=16, multiple_of=4)
    """Channels of the feature pyramid and the region proposal network."""
    head_channels: int = Field(default=1024, ge=16)
    """Width of the fully connected layers of the box heads."""
    proposals: int = Field(default=1000, ge=10)
    """Regions that go from the proposal network to the box heads."""
    sampled_rois: int = Field(default=512, ge=8)
    """Regions of each image that the box heads are trained on."""


class CascadeRCNN(TwoStage):
    """Cascade R-CNN with a feature pyramid (Cai and Vasconcelos, 2018)."""

    family: Literal["cascade_rcnn"]
    backbone: Packaged | ResNet | Swin | Timm = "resnet50"
    """The network that sees the image."""

    @property
    def box_heads(self) -> int:
        """Three, one for each stage of the cascade."""
        return BOX_HEADS_OF_A_CASCADE


class DetectoRS(TwoStage):
    """Cascade R-CNN that looks twice: recursive feature pyramid, switchable atrous convolution (Qiao et al., 2021).

    Backbones of timm have the recursive pyramid, but keep their own convolutions.
    """

    family: Literal["detectors"]
    backbone: Packaged | ResNet | Timm = "resnet50"
    """The network that sees the image; there are two of it."""

    @property
    def box_heads(self) -> int:
        """Three, one for each stage of the cascade."""
        return BOX_HEADS_OF_A_CASCADE


class MaskRCNNSwin(TwoStage):
    """Mask R-CNN (He et al., 2017) on a Swin transformer (Liu et al., 2021), with a feature pyramid.

    Masks, which it is trained on besides boxes, come from the annotations; the box takes the place of a missing one.
    """

    family: Literal["mask_rcnn_swin"]
    backbone: Swin | Packaged | Timm = "swin_t"
    """The network that sees the image."""
    cascade: bool = False
    """Whether it has the three box heads of a cascade, each of which may have a loss of its own, instead of one."""

    @property
    def box_heads(self) -> int:
        """One, or three in a cascade."""
        return BOX_HEADS_OF_A_CASCADE if self.cascade else 1


class DINO(OpenMMLab):
    """DINO: a transformer that denoises boxes (Zhang et al., 2023)."""

    usable_losses: ClassVar[UsableLosses] = DENSE_HEAD_LOSSES

    family: Literal["dino"]
    backbone: Packaged | ResNet | Swin | Timm = "resnet50"
    """The network that sees the image."""
    feature_levels: Literal[4, 5] = 4
    """Feature maps that it attends to: 4 begin at stride 8; 5 begin at stride 4, as published for Swin-L."""
    channels: int = Field(default=256, ge=32, multiple_of=32)
    """Width of encoder and decoder."""
    feedforward_channels: int = Field(default=2048, ge=32)
    """Width of the layers between the attentions."""
    encoder_layers: int = Field(default=6, ge=1)
    """Layers of the encoder."""
    decoder_layers: int = Field(default=6, ge=1)
    """Layers of the decoder; each is trained to predict."""
    queries: int = Field(default=900, ge=10)
    """Boxes that are looked for in each image."""
    denoising_queries: int = Field(default=100, ge=1)
    """Boxes that are made of the true ones with noise, for training alone."""


class ATSS(OpenMMLab):
    """ATSS: one stage, with anchors chosen by their statistics (Zhang et al., 2020)."""

    usable_losses: ClassVar[UsableLosses] = DENSE_HEAD_LOSSES

    family: Literal["atss"]
    backbone: Packaged | ResNet | Swin | Timm = "resnet50"
    """The network that sees the image."""
    fpn_channels: int = Field(default=256, ge=32, multiple_of=32)
    """Channels of the feature pyramid and the head."""
    dyhead_blocks: int = Field(default=0, ge=0, le=12)
    """Blocks of the dynamic head (Dai et al., 2021) in place of the head's convolutions; 6 are published for Swin-L."""
