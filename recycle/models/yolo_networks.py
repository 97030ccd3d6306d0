"""The networks of the YOLO families: ultralytics' own, and a tiny one on an ImageNet backbone.

ultralytics is licensed under AGPL-3.0 and comes with the extra `yolo`; it is imported when a network is built, never
before.
"""

from typing import Any

from torch import nn

from recycle.errors import RecipeError
from recycle.models.backbones import PACKAGED_BACKBONE, TimmFeatures
from recycle.models.ultralytics_import import import_ultralytics

NECK_BEGINS = 10
"""Layers of yolov5.yaml before its neck."""


def build_network(family: str, size: str, num_classes: int, pretrained: str) -> Any:  # noqa: ANN401 - ultralytics is untyped
    """Builds a network with the attributes that ultralytics' losses ask for: `args`, and its head last in `model`.

    Args:
        family: A family of `YOLO_SIZES`.
        size: A size of it.
        num_classes: Number of classes.
        pretrained: Weights of the backbone of "tiny", as for `TimmFeatures`; other sizes take "none".

    Raises:
        RecipeError: If another size is given backbone weights, or ultralytics is not installed.
        WeightsError: If the backbone's weights cannot be used.
    """
    if size == "tiny":
        return TinyNetwork(num_classes, pretrained)
    if pretrained != "none":
        raise RecipeError(f"Only size=tiny of yolov5 takes backbone weights, but got pretrained={pretrained}.")
    return _ultralytics_network(f"{family}{size}", num_classes)


class TinyNetwork(nn.Module):
    """YOLOv5n's neck and head on an EfficientNet-Lite0: learns from a hundred images in minutes on one core.

    Args:
        num_classes: Number of classes.
        pretrained: Weights of the backbone, as for `TimmFeatures`. With weights, its two shallowest levels and its
            batch statistics stay as they are: half the time of a step, and steadier with small batches.
    """

    def __init__(self, num_classes: int, pretrained: str) -> None:
        super().__init__()
        yolo = _ultralytics_network("yolov5n", num_classes)
        from ultralytics.nn.modules import SPPF, Conv  # noqa: PLC0415 - an extra

        self.args = yolo.args
        trained = pretrained != "none"
        self.backbone = TimmFeatures(
            PACKAGED_BACKBONE, (2, 3, 4), pretrained, norm_eval=trained, frozen_levels=2 if trained else 0
        )
        fine, middle, coarse = self.backbone.channels
        self.lateral = nn.ModuleList([Conv(fine, 64), Conv(middle, 128), SPPF(coarse, 256)])
        self.model = yolo.model[NECK_BEGINS:]

    def init_criterion(self) -> Any:  # noqa: ANN401 - ultralytics is untyped
        """Returns the loss of a head with one branch, under the name that ultralytics' networks have for it."""
        from ultralytics.utils.loss import v8DetectionLoss  # noqa: PLC0415 - an extra

        return v8DetectionLoss(self)

    def forward(self, images: Any) -> Any:  # noqa: ANN401 - ultralytics' head has two results
        """Maps images (B, 3, H, W) to the output of `Detect`: raw in training, else (decoded, raw)."""
        features = [adapt(feature) for adapt, feature in zip(self.lateral, self.backbone(images), strict=True)]
        outputs = dict(zip((4, 6, 9), features, strict=True))  # the places of strides 8, 16, 32 in yolov5.yaml
        result = features[-1]
        for layer in self.model:
            sources = [result if place == -1 else outputs[place] for place in layer.f] if layer.f != -1 else result
            result = outputs[layer.i] = layer(sources)
        return result


def _ultralytics_network(name: str, num_classes: int) -> Any:  # noqa: ANN401 - ultralytics is untyped
    import_ultralytics()
    from ultralytics.cfg import get_cfg  # noqa: PLC0415 - an extra
    from ultralytics.nn.tasks import DetectionModel, yaml_model_load  # noqa: PLC0415

    network = DetectionModel(yaml_model_load(f"{name}.yaml") | {"nc": num_classes}, verbose=False)
    network.args = get_cfg()
    network.model[-1].dynamic = True  # anchors cached on one device or in one precision would outlive a change
    return network
