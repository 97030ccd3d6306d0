"""YOLOv5 in one training loop with mmdet's detectors: ultralytics' network, loss and suppression.

What ultralytics calls yolov5 is YOLOv5u: the network of YOLOv5 6.0 with the anchor-free head of YOLOv8, trained with
task-aligned assignment and distribution focal loss. ultralytics is licensed under AGPL-3.0 and comes with the extra
`yolo`; it is imported when a model is built, never before.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import torch
from mmdet.registry import MODELS
from mmengine.model import BaseModel
from mmengine.structures import InstanceData
from torch import Tensor, nn

from recycle.errors import RecipeError
from recycle.models.backbones import PACKAGED_BACKBONE, TimmFeatures, pixel_mean_std
from recycle.models.prerequisites import MISSING_ULTRALYTICS

if TYPE_CHECKING:
    from mmdet.structures import DetDataSample

SIZES = ("tiny", "n", "s", "m", "l", "x")
STRIDE = 32
"""Sides of a padded batch are multiples of the coarsest stride."""

LOWEST_SCORE = 0.001
SUPPRESSION_IOU = 0.7
MOST_BOXES = 100
"""Per image, as COCO counts them. The other two are what ultralytics validates with."""


def yolo_preprocessor(size: str) -> dict[str, Any]:
    """Returns the settings of mmdet's `DetDataPreprocessor` for a size of YOLOv5, images given as BGR bytes.

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
class YOLOv5(BaseModel):
    """YOLOv5u, or its small neck and head on an ImageNet backbone.

    Losses are ultralytics' with its gains (box 7.5, cls 0.5, dfl 1.5), summed over a batch and divided by its sum of
    target scores (at least 1), as the other families do. ultralytics then multiplies by the batch size; we do not, so a
    learning rate of its SGD recipes has to be multiplied by its nominal batch of 64. Adam is indifferent to that.

    Args:
        size: "n", "s", "m", "l", "x", or "tiny": the neck and head of "n" on an EfficientNet-Lite0.
        num_classes: Number of classes.
        pretrained: Weights of the backbone of "tiny": "none", "packaged" or a path, as for `TimmFeatures`.
        data_preprocessor: Settings of the preprocessor; `yolo_preprocessor(size)` if None.

    Raises:
        RecipeError: If the size is unknown, another size is given backbone weights, or ultralytics is not installed.
        WeightsError: If the backbone's weights cannot be used.
    """

    def __init__(
        self,
        size: str,
        num_classes: int,
        pretrained: str = "none",
        data_preprocessor: dict[str, Any] | None = None,
    ) -> None:
        _check_settings(size, pretrained)
        super().__init__(MODELS.build(data_preprocessor or yolo_preprocessor(size)))
        tiny = size == "tiny"
        self.network = TinyNetwork(num_classes, pretrained) if tiny else _ultralytics_network(size, num_classes)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # a third faster on the CPU

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
            "loss": the scalars `loss_box`, `loss_cls`, `loss_dfl`, whose sum is trained. "predict": the samples with
            `pred_instances`, see `predict`. "tensor": the raw output of ultralytics' `Detect`.
        """
        if mode == "loss":
            return self.loss(inputs, data_samples)
        if mode == "predict":
            return self.predict(inputs, data_samples)
        return self.network(inputs)

    def loss(self, inputs: Tensor, data_samples: list[DetDataSample]) -> dict[str, Tensor]:
        """Returns ultralytics' three losses as scalars, not multiplied by the batch size."""
        from ultralytics.utils.loss import v8DetectionLoss  # noqa: PLC0415 - an extra

        criterion = v8DetectionLoss(self.network)
        losses, _ = criterion(self.network(inputs), _targets(inputs, data_samples))
        box, classes, distribution = losses / len(inputs)
        return {"loss_box": box, "loss_cls": classes, "loss_dfl": distribution}

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
            sample.pred_instances = _in_original_image(detected, sample)
        return data_samples


class TinyNetwork(nn.Module):
    """YOLOv5n's neck and head on an EfficientNet-Lite0: learns from a hundred images in minutes on one core.

    Has what ultralytics' loss asks of a model: `args`, and the `Detect` head as the last of `model`.

    Args:
        num_classes: Number of classes.
        pretrained: Weights of the backbone, as for `TimmFeatures`. With weights, its two shallowest levels and its
            batch statistics stay as they are: half the time of a step, and steadier with small batches.
    """

    def __init__(self, num_classes: int, pretrained: str) -> None:
        super().__init__()
        yolo = _ultralytics_network("n", num_classes)
        from ultralytics.nn.modules import SPPF, Conv  # noqa: PLC0415 - an extra

        self.args = yolo.args
        trained = pretrained != "none"
        self.backbone = TimmFeatures(
            PACKAGED_BACKBONE, (2, 3, 4), pretrained, norm_eval=trained, frozen_levels=2 if trained else 0
        )
        fine, middle, coarse = self.backbone.channels
        self.lateral = nn.ModuleList([Conv(fine, 64), Conv(middle, 128), SPPF(coarse, 256)])
        self.model = yolo.model[10:]

    def forward(self, images: Tensor) -> Any:  # noqa: ANN401 - ultralytics' head has two results
        """Maps images (B, 3, H, W) to the output of `Detect`: raw in training, else (decoded, raw)."""
        features = [adapt(feature) for adapt, feature in zip(self.lateral, self.backbone(images), strict=True)]
        outputs = dict(zip((4, 6, 9), features, strict=True))  # the places of strides 8, 16, 32 in yolov5.yaml
        result = features[-1]
        for layer in self.model:
            sources = [result if place == -1 else outputs[place] for place in layer.f] if layer.f != -1 else result
            result = outputs[layer.i] = layer(sources)
        return result


def _check_settings(size: str, pretrained: str) -> None:
    if size not in SIZES:
        raise RecipeError(f"The size of yolov5 must be one of {', '.join(SIZES)}, but got size={size}.")
    if size != "tiny" and pretrained != "none":
        raise RecipeError(f"Only size=tiny of yolov5 takes backbone weights, but got pretrained={pretrained}.")


def _ultralytics_network(size: str, num_classes: int) -> Any:  # noqa: ANN401 - ultralytics is untyped
    try:
        from ultralytics.cfg import get_cfg  # noqa: PLC0415 - an extra
        from ultralytics.nn.tasks import DetectionModel, yaml_model_load  # noqa: PLC0415
    except ImportError as error:
        raise RecipeError(MISSING_ULTRALYTICS) from error
    network = DetectionModel(yaml_model_load(f"yolov5{size}.yaml") | {"nc": num_classes}, verbose=False)
    network.args = get_cfg()
    network.model[-1].dynamic = True  # anchors cached on one device or in one precision would outlive a change
    return network


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


def _in_original_image(detected: Tensor, sample: DetDataSample) -> InstanceData:
    """Takes detections (n, 6) as x1, y1, x2, y2, score, label in pixels of the network's input."""
    height, width = sample.ori_shape[:2]
    boxes = detected[:, :4] / detected.new_tensor(sample.metainfo.get("scale_factor", (1.0, 1.0))).repeat(2)
    boxes = boxes.clamp(min=0).minimum(boxes.new_tensor([width, height, width, height]))
    kept = (boxes[:, 2:] > boxes[:, :2]).all(dim=1)
    return InstanceData(bboxes=boxes[kept], scores=detected[kept, 4], labels=detected[kept, 5].long())
