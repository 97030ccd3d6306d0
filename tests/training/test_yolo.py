"""The conformance suite on the families that come from ultralytics."""

from tests.models.extras import require_ultralytics
from tests.training.conformance import ADAMW, FamilyTraining

require_ultralytics()

TINY = {"family": "yolov5", "size": "tiny", "image_size": 96}
SINGLE_HEAD = {"family": "yolo11", "size": "n", "image_size": 64, "pretrained": "none"}
DOUBLE_HEAD = {"family": "yolo26", "size": "n", "image_size": 64, "pretrained": "none"}

FROM_SCRATCH = {"epochs": 24, "batch_size": 8, "optimizer": {**ADAMW, "lr": 5e-3}}


class TestYOLOv5(FamilyTraining):
    settings = TINY
    refused = (
        ({"size": "t"}, "size of yolov5 must be one of tiny, n, s, m, l, x, but got size='t'"),
        ({"size": "n"}, "ImageNet weights only at size 'tiny', but got size='n'"),
        ({"losses": {"box": "giou"}}, "losses.box cannot be set, as family 'yolov5' has only its own"),
    )


class TestYOLO11(FamilyTraining):
    settings = SINGLE_HEAD
    overfitting = FROM_SCRATCH
    refused = (({"size": "tiny"}, "size of yolo11 must be one of n, s, m, l, x, but got size='tiny'"),)


class TestYOLO26(FamilyTraining):
    """Two branches of the head, and losses whose weights shift with the epochs."""

    settings = DOUBLE_HEAD
    overfitting = FROM_SCRATCH
    refused = (({"size": "b"}, "size of yolo26 must be one of n, s, m, l, x, but got size='b'"),)
