"""The YOLO families in one training loop with mmdet's detectors: ultralytics' networks, losses and suppression.

What ultralytics calls yolov5 is YOLOv5u: the network of YOLOv5 6.0 with the anchor-free head of YOLOv8, trained with
task-aligned assignment and distribution focal loss. ultralytics is licensed under AGPL-3.0 and comes with the extra
`yolo`; it is imported when a model is built, never before.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import torch
from mmdet.registry import MODELS
from mmengine.config import ConfigDict
from mmengine.logging import MessageHub
from mmengine.model import BaseModel
from torch import Tensor

from recycle import recipe
from recycle.models.backbones import PACKAGED_BACKBONE, pixel_mean_std
from recycle.models.detections import in_original_image
from recycle.models.ignored_regions import LossOutside, are_inside, grid_points, ignored_boxes
from recycle.models.yolo_networks import build_network

if TYPE_CHECKING:
    from mmdet.structures import DetDataSample

STRIDES = (8, 16, 32)
"""Of the feature maps on which objects are found."""
STRIDE = STRIDES[-1]
"""Sides of a padded batch are multiples of the coarsest stride."""

LOWEST_SCORE = 0.001
SUPPRESSION_IOU = 0.7
MOST_BOXES = 100
"""Per image, as COCO counts them. The other two are what ultralytics validates with."""


def yolo(settings: recipe.YOLO, class_count: int) -> ConfigDict:
    """The configuration of a YOLO."""
    return ConfigDict(
        type="YOLO",
        family=settings.family,
        size=settings.size,
        num_classes=class_count,
        pretrained="packaged" if settings.pretrained == "imagenet" else "none",
    )


def yolo_preprocessor(size: str) -> dict[str, Any]:
    """Returns the settings of mmdet's `DetDataPreprocessor` for a size of YOLO, images given as BGR bytes.

    `tiny` takes pixels as its ImageNet backbone saw them; the others take pixels / 255, padded with ultralytics' grey.
    """
    mean, std = pixel_mean_std(PACKAGED_BACKBONE) if size == "tiny" else ((0.0,) * 3, (255.0,) * 3)
    return {
        "type": "DetDataPreprocessor",
        "mean": list(mean),
        "std": list(std),
        "bgr_to_rgb": True,
        "pad_size_divisor": STRIDE,
        "pad_value": 0.0 if size == "tiny" else 114 / 255,
    }


@MODELS.register_module()
class YOLO(BaseModel):
    """A YOLO of ultralytics, or YOLOv5's small neck and head on an ImageNet backbone.

    Losses are ultralytics' with its gains (box 7.5, cls 0.5, dfl 1.5), summed over a batch and divided by its sum of
    target scores (at least 1), as the other families do. ultralytics then multiplies by the batch size; we do not, so a
    learning rate of its SGD recipes has to be multiplied by its nominal batch of 64. Adam is indifferent to that.

    YOLOv10 and YOLO26 train two branches of the head, the second for use without suppression, and as ultralytics does
    the weight of their losses shifts from the first to the second over the epochs. The first is the one that predicts.

    Args:
        family: "yolov5", "yolov8", "yolov9", "yolov10", "yolo11", "yolo12" or "yolo26".
        size: A size of it that ultralytics ships, or "tiny": neck and head of yolov5's "n" on an EfficientNet-Lite0.
        num_classes: Number of classes.
        pretrained: Weights of the backbone of "tiny": "none", "packaged" or a path, as for `TimmFeatures`.
        loss_cls: The registered module that takes the place of binary cross-entropy: maps logits and target scores in
            0..1, both (B, anchors, classes), to a loss of the same shape.
        data_preprocessor: Settings of the preprocessor; `yolo_preprocessor(size)` if None.

    Raises:
        RecipeError: If another size is given backbone weights, or ultralytics is not installed.
        WeightsError: If the backbone's weights cannot be used.
    """

    def __init__(
        self,
        family: str,
        size: str,
        num_classes: int,
        pretrained: str = "none",
        loss_cls: dict[str, Any] | None = None,
        data_preprocessor: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(MODELS.build(data_preprocessor or yolo_preprocessor(size)))
        self.network: Any = build_network(family, size, num_classes, pretrained)
        self.network.to(memory_format=torch.channels_last)  # a third faster on the CPU
        self.loss_cls = MODELS.build(loss_cls) if loss_cls else None

    def forward(
        self, inputs: Tensor, data_samples: list[DetDataSample], mode: Literal["loss", "predict", "tensor"] = "tensor"
    ) -> Any:  # noqa: ANN401 - mmengine's one entry has three results
        """Runs the network.

        Args:
            inputs: Images (B, 3, H, W), preprocessed; H and W multiples of 32.
            data_samples: Their meta information and, for the loss, `gt_instances` with `bboxes` (x1, y1, x2, y2 in
                pixels of `inputs`) and `labels`.
            mode: What to return.

        Returns:
            "loss": three scalars whose sum is trained, see `loss`. "predict": the samples with `pred_instances`, see
            `predict`. "tensor": the raw output of ultralytics' `Detect`.
        """
        if mode == "loss":
            return self.loss(inputs, data_samples)
        if mode == "predict":
            return self.predict(inputs, data_samples)
        return self.network(inputs)

    def loss(self, inputs: Tensor, data_samples: list[DetDataSample]) -> dict[str, Tensor]:
        """Returns ultralytics' three losses as scalars, not multiplied by the batch size.

        They are `loss_box`, `loss_cls` and `loss_dfl`; where a head tells distances without a distribution (YOLO26),
        the last is `loss_l1`.
        """
        criterion = self._criterion(_ignored(inputs, data_samples))
        losses, _ = criterion(self.network(inputs), _targets(inputs, data_samples))
        box, classes, distances = losses / len(inputs)
        name = "loss_dfl" if self._head.reg_max > 1 else "loss_l1"
        return {"loss_box": box, "loss_cls": classes, name: distances}

    def predict(self, inputs: Tensor, data_samples: list[DetDataSample]) -> list[DetDataSample]:
        """Gives each sample `pred_instances`: at most 100 `bboxes`, `scores` and `labels`, by descending score.

        Boxes are x1, y1, x2, y2 in pixels of the original image, clipped to it; those without area are left out.
        """
        from ultralytics.utils.nms import non_max_suppression  # noqa: PLC0415 - an extra

        decoded, _ = self.network(inputs)
        detections = non_max_suppression(
            decoded.float(),
            conf_thres=LOWEST_SCORE,
            iou_thres=SUPPRESSION_IOU,
            multi_label=True,
            max_det=MOST_BOXES,
            max_time_img=math.inf,  # it would drop the images left when time is up
        )
        for sample, detected in zip(data_samples, detections, strict=True):
            sample.pred_instances = in_original_image(detected, sample)
        return data_samples

    @property
    def _head(self) -> Any:  # noqa: ANN401 - ultralytics is untyped
        return self.network.model[-1]

    def _criterion(self, ignored: Tensor) -> Any:  # noqa: ANN401 - ultralytics is untyped
        """Ultralytics' loss, made anew at each step: it keeps the device on which it was made."""
        criterion = self.network.init_criterion()
        branches = [criterion]
        if hasattr(criterion, "one2one"):
            branches = [criterion.one2many, criterion.one2one]
            _set_epoch(criterion)
        for branch in branches:
            branch.bce = LossOutside(self.loss_cls or branch.bce, ignored)
        return criterion


def _set_epoch(criterion: Any) -> None:  # noqa: ANN401 - ultralytics is untyped
    """Shifts the weights of a double head to where they are in the epoch that mmengine trains."""
    progress = MessageHub.get_current_instance()
    criterion.one2one.hyp.epochs = progress.get_info("max_epochs", 1)
    criterion.updates = progress.get_info("epoch", 0) - 1  # as ultralytics does to resume: `update` counts one more
    criterion.update()


def _ignored(inputs: Tensor, data_samples: list[DetDataSample]) -> Tensor:
    """Which anchor points lie in ignored regions, shape (B, anchors)."""
    height, width = inputs.shape[-2:]
    points = grid_points(height, width, STRIDES, inputs.device)
    return torch.stack([are_inside(points, ignored_boxes(sample)) for sample in data_samples])


def _targets(inputs: Tensor, data_samples: list[DetDataSample]) -> dict[str, Tensor]:
    """Ground truth as ultralytics takes it: boxes as centre, width, height relative to the padded batch."""
    height, width = inputs.shape[-2:]
    boxes, labels, image = [], [], []
    for index, sample in enumerate(data_samples):
        truth = sample.gt_instances
        boxes.append(getattr(truth.bboxes, "tensor", truth.bboxes))
        labels.append(truth.labels)
        image.append(torch.full_like(truth.labels, index))
    corners = torch.cat(boxes)
    centres_sizes = torch.cat([(corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]], dim=1)
    relative = centres_sizes / corners.new_tensor([width, height, width, height])
    return {"bboxes": relative, "cls": torch.cat(labels), "batch_idx": torch.cat(image)}
