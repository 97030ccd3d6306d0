"""The conformance suite on the family that comes from effdet."""

from tests.training.conformance import ADAMW, FamilyTraining

LITE = {"family": "efficientdet", "size": "lite0", "image_size": 96}
OVERFITTING = {"epochs": 24, "optimizer": {**ADAMW, "lr": 3e-3}}


class TestEfficientDet(FamilyTraining):
    settings = LITE
    overfitting = OVERFITTING
    refused = (
        ({"size": "d8"}, "'lite0', 'd0'"),
        ({"losses": {"box": "giou"}}, "losses.box cannot be set, as family 'efficientdet' has only its own"),
        (
            {"losses": {"classification": [{"type": "focal"}]}},
            "losses.classification cannot be set, as family 'efficientdet' has only its own, but got 'focal'",
        ),
    )
