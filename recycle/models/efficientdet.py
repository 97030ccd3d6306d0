"""EfficientDet in one training loop with mmdet's detectors: effdet's network, anchors, losses and suppression.

effdet's benches fix one image size; here anchors follow the images, so that one network takes any multiples of 128.
effdet is imported when a model is built, never before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import torch
from mmdet.registry import MODELS
from mmengine.config import ConfigDict
from mmengine.model import BaseModel
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from recycle import recipe
from recycle.models.backbones import PACKAGED_BACKBONE, load_backbone_weights, pixel_mean_std
from recycle.models.detections import in_original_image
from recycle.models.ignored_regions import are_ignored, ignored_boxes
from recycle.models.weights import find_weights
from recycle.recipe.efficientdet import EFFICIENTDET_BACKBONES
from recycle.recipe.openmmlab import TIMM_PREFIX

if TYPE_CHECKING:
    from mmdet.structures import DetDataSample

STRIDE = 128
"""Of the coarsest of five levels; with sides of its multiples each level is exactly half of the one before."""

MATCHING_IOU = 0.5
BACKGROUND, IGNORED = -1, -2
"""What effdet's targets say of an anchor that no object is assigned to: nothing is there, or nobody knows."""

MOST_CANDIDATES = 5000
"""Anchors times classes that go to suppression; as is the first, effdet's own."""

MOST_BOXES = 100
LOWEST_SCORE = 0.001
"""Weak boxes are kept: fusion and average precision both use them."""

QUICK_MOMENTUM = 0.1
"""Batch statistics of the network's own 0.01 need thousands of steps, which the smallest one is not trained for."""


def efficientdet(settings: recipe.EfficientDet, class_count: int) -> ConfigDict:
    """The configuration of an EfficientDet."""
    weights = "none"
    if settings.pretrained == "imagenet":
        name = EFFICIENTDET_BACKBONES[settings.size]
        weights = "packaged" if name == PACKAGED_BACKBONE else str(find_weights(f"{TIMM_PREFIX}{name}"))
    return ConfigDict(type="EfficientDet", size=settings.size, num_classes=class_count, backbone_weights=weights)


def efficientdet_preprocessor(size: str) -> dict[str, Any]:
    """Returns the settings of mmdet's `DetDataPreprocessor` for a size of EfficientDet, images given as BGR bytes."""
    mean, std = pixel_mean_std(EFFICIENTDET_BACKBONES[size])
    return {
        "type": "DetDataPreprocessor",
        "mean": list(mean),
        "std": list(std),
        "bgr_to_rgb": True,
        "pad_size_divisor": STRIDE,
    }


@MODELS.register_module()
class EfficientDet(BaseModel):
    """EfficientDet of effdet, its tensors under effdet's names, so that effdet's published weights load.

    Losses are effdet's: focal (alpha 0.25, gamma 1.5, no label smoothing) and 50 times Huber (delta 0.1, mean of four
    offsets), each summed over a batch and divided by its number of matched anchors plus 1.

    Args:
        size: "d0" to "d7", or "lite0".
        num_classes: Number of classes.
        backbone_weights: ImageNet weights of the backbone: "none", "packaged" or a path, as for
            `load_backbone_weights`. With packaged weights, the backbone's shallowest levels (strides 2 and 4) and its
            batch statistics stay as they are: half the time of a step, and steadier with small batches.
        data_preprocessor: Settings of the preprocessor; `efficientdet_preprocessor(size)` if None.

    Raises:
        WeightsError: If the backbone's weights cannot be used.
    """

    def __init__(
        self,
        size: str,
        num_classes: int,
        backbone_weights: str = "none",
        data_preprocessor: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(MODELS.build(data_preprocessor or efficientdet_preprocessor(size)))
        from effdet.loss import DetectionLoss  # noqa: PLC0415 - takes seconds to import

        network = _effdet_network(size, num_classes)
        self.backbone, self.fpn = network.backbone, network.fpn
        self.class_net, self.box_net = network.class_net, network.box_net
        self._config = network.config
        self._criterion = DetectionLoss(network.config)
        self._anchors: dict[tuple[int, ...], Any] = {}
        self._is_steady = backbone_weights == "packaged"
        if backbone_weights != "none":
            _load_backbone(self.backbone, EFFICIENTDET_BACKBONES[size], backbone_weights)
        if self._is_steady:
            for part in (self.backbone.conv_stem, self.backbone.bn1, *self.backbone.blocks[:2]):
                part.requires_grad_(False)

    def forward(
        self, inputs: Tensor, data_samples: list[DetDataSample], mode: Literal["loss", "predict", "tensor"] = "tensor"
    ) -> Any:  # noqa: ANN401 - mmengine's one entry has three results
        """Runs the network.

        Args:
            inputs: Images (B, 3, H, W), preprocessed; H and W multiples of 128.
            data_samples: Their meta information and, for the loss, `gt_instances` with `bboxes` (x1, y1, x2, y2 in
                pixels of `inputs`) and `labels`.
            mode: What to return.

        Returns:
            "loss": the scalars `loss_cls` and `loss_box`, whose sum is trained. "predict": the samples with
            `pred_instances`, see `predict`. "tensor": logits (B, anchors x classes, H_i, W_i) and box offsets
            (B, anchors x 4, H_i, W_i) of five levels.
        """
        if mode == "loss":
            return self.loss(inputs, data_samples)
        if mode == "predict":
            return self.predict(inputs, data_samples)
        return self._outputs(inputs)

    def loss(self, inputs: Tensor, data_samples: list[DetDataSample]) -> dict[str, Tensor]:
        """Returns effdet's two losses as scalars, with the factor that it gives the second."""
        from effdet.anchors import AnchorLabeler  # noqa: PLC0415 - takes seconds to import

        if inputs.shape[0] == 1 and max(inputs.shape[-2:]) == STRIDE:
            # The coarsest level has one pixel, and a batch normalisation of one value fails; a mean stays what it is.
            inputs, data_samples = inputs.repeat(2, 1, 1, 1), data_samples * 2
        labeler = AnchorLabeler(self._anchors_of(inputs), self._config.num_classes, match_threshold=MATCHING_IOU)
        boxes, labels = _targets(data_samples)
        targets = labeler.batch_label_anchors(boxes, labels)
        self._ignore_regions(targets[0], data_samples, inputs)
        _, classes, box = self._criterion(*self._outputs(inputs), *targets)
        return {"loss_cls": classes, "loss_box": self._config.box_loss_weight * box}

    def predict(self, inputs: Tensor, data_samples: list[DetDataSample]) -> list[DetDataSample]:
        """Gives each sample `pred_instances`: at most 100 `bboxes`, `scores` and `labels`, by descending score.

        Boxes are x1, y1, x2, y2 in pixels of the original image, clipped to it; those without area are left out.
        """
        from effdet.anchors import generate_detections  # noqa: PLC0415 - takes seconds to import

        logits, offsets = self._outputs(inputs)
        candidates = zip(
            _by_anchor(logits, self._config.num_classes).float(), _by_anchor(offsets, 4).float(), strict=True
        )
        anchors = self._anchors_of(inputs).boxes
        for sample, (scores, boxes) in zip(data_samples, candidates, strict=True):
            best, at, labels = _best(scores)
            detected = generate_detections(best, boxes[at], anchors, at, labels, None, None, MOST_BOXES)
            detected[:, 5] -= 1  # effdet's labels begin at 1
            sample.pred_instances = in_original_image(detected[detected[:, 4] > LOWEST_SCORE], sample)
        return data_samples

    def train(self, mode: bool = True) -> EfficientDet:
        """Switches between training and evaluation; batch statistics that are frozen stay in evaluation."""
        super().train(mode)
        if self._is_steady:
            for module in self.backbone.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self

    def _ignore_regions(self, classes: list[Tensor], data_samples: list[DetDataSample], inputs: Tensor) -> None:
        """Marks background anchors in ignored regions, in place; `classes` are (B, H_i, W_i, anchors a cell)."""
        anchors = self._anchors_of(inputs).boxes[:, [1, 0, 3, 2]]
        sizes = [level[0].numel() for level in classes]
        for number, sample in enumerate(data_samples):
            is_ignored = torch.split(are_ignored(anchors, ignored_boxes(sample)), sizes)
            for level, part in zip(classes, is_ignored, strict=True):
                own = level[number]
                own[part.reshape(own.shape) & (own == BACKGROUND)] = IGNORED

    def _outputs(self, inputs: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        features = self.fpn(self.backbone(inputs))
        return self.class_net(features), self.box_net(features)

    def _anchors_of(self, inputs: Tensor) -> Any:  # noqa: ANN401 - effdet is untyped
        """Anchors y1, x1, y2, x2 in pixels of the input; kept, as NumPy takes its time over them."""
        from effdet.anchors import Anchors  # noqa: PLC0415 - takes seconds to import

        size = tuple(inputs.shape[-2:])
        if size not in self._anchors:
            config = self._config
            self._anchors[size] = Anchors(
                config.min_level,
                config.max_level,
                config.num_scales,
                config.aspect_ratios,
                config.anchor_scale,
                size,
            )
        return self._anchors[size].to(inputs.device)


def _effdet_network(size: str, num_classes: int) -> Any:  # noqa: ANN401 - effdet is untyped
    from effdet import EfficientDet as EffdetNetwork  # noqa: PLC0415 - takes seconds to import
    from effdet import get_efficientdet_config  # noqa: PLC0415
    from effdet.efficientdet import Interpolate2d  # noqa: PLC0415

    config = get_efficientdet_config(f"tf_efficientdet_{size}")
    config.num_classes = num_classes
    config.image_size = (4 * STRIDE, 4 * STRIDE)
    if size == "lite0":
        config.norm_kwargs.momentum = QUICK_MOMENTUM
    network = EffdetNetwork(config, pretrained_backbone=False)
    for module in network.fpn.modules():
        if isinstance(module, Interpolate2d):
            module.size, module.scale_factor = None, 2.0  # the next level, whatever the image's size
    return network


def _load_backbone(backbone: nn.Module, name: str, source: str) -> None:
    weights = load_backbone_weights(name, source)
    backbone.load_state_dict({key: weights[key] for key in backbone.state_dict()})


def _targets(data_samples: list[DetDataSample]) -> tuple[list[Tensor], list[Tensor]]:
    """Ground truth as effdet takes it: boxes (n, 4) as y1, x1, y2, x2, and labels (n,) from 1, as floats."""
    boxes, labels = [], []
    for sample in data_samples:
        truth = sample.gt_instances
        corners = getattr(truth.bboxes, "tensor", truth.bboxes).float()
        boxes.append(corners[:, [1, 0, 3, 2]])
        labels.append(truth.labels.float() + 1)
    return boxes, labels


def _by_anchor(levels: list[Tensor], channels: int) -> Tensor:
    """Joins maps (B, anchors x channels, H_i, W_i) of all levels to (B, anchors, channels), in the anchors' order."""
    return torch.cat([level.permute(0, 2, 3, 1).reshape(len(level), -1, channels) for level in levels], dim=1)


def _best(logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The highest of all logits (anchors, classes): themselves (n, 1), their anchors (n,) and labels (n,)."""
    best, place = logits.flatten().topk(min(MOST_CANDIDATES, logits.numel()))
    classes = logits.shape[1]
    return best.unsqueeze(1), place // classes, place % classes
