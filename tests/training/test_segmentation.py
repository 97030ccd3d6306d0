"""The conformance suite on networks that label pixels, and what is theirs alone."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.model import BaseModel

from recycle.data.coco import Dataset
from recycle.data.image_cache import NO_CACHE
from recycle.data.label_maps import label_maps
from recycle.evaluation.segmentation import count_pixels, mean_iou
from recycle.fusion.voting import labels_of_shares
from recycle.inference.pixels import predict_pixels, write_pixels
from recycle.models.checkpoints import load_checkpoint
from recycle.predictions.probabilities import read_probabilities
from recycle.recipe import SMP, TTA
from recycle.training.member import MemberTask
from recycle.training.train import load_member, train_member
from tests.training.conformance import ADAMW, FamilyTraining, enlarged, ignore, task_maker

FPN = {"family": "smp", "image_size": 96, "label_map_size": 64}


class TestSMP(FamilyTraining):
    settings = FPN
    overfitting = {"epochs": 8, "optimizer": {**ADAMW, "lr": 3e-3}}  # noqa: RUF012
    breaking_lr = 1e30  # its norms bear more than most
    refused = (
        ({"losses": {"box": "giou"}}, "losses.box cannot be set, as family 'smp' has only its own"),
        ({"architecture": "unet2"}, "Input should be 'unet', "),
        ({"losses": {"pixels": [{"type": "dice", "weight": 0}]}}, "greater than 0"),
    )

    def require_predictions(self, network: BaseModel, task: MemberTask) -> None:
        found = pixels_of(network, task.validation, task.settings)
        assert found.shape == (len(task.validation.images), len(task.train.categories) + 1, 64, 64)
        np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-4)
        require_miou_of_the_best_checkpoint(found, task)
        require_the_same_of_larger_photographs(network, task)
        require_views_mirrored_back(network, task)


def pixels_of(network: BaseModel, images: Dataset, settings: object, **changes: object) -> np.ndarray:
    assert isinstance(settings, SMP)
    batches = list(predict_pixels(network, images, settings.model_copy(update=changes)))
    assert [one for ids, _ in batches for one in ids] == [image.id for image in images.images]
    return np.concatenate([values for _, values in batches])


def require_miou_of_the_best_checkpoint(found: np.ndarray, task: MemberTask) -> None:
    """What validation scored is the mIoU of what is predicted afterwards."""
    truth = label_maps(task.validation, (64, 64))
    pairs = [(image.id, labels, labels_of_shares(one)) for (image, labels), one in zip(truth, found, strict=True)]
    best, last = (load_checkpoint(path)["meta"] for path in (task.best_checkpoint, task.last_checkpoint))
    if best["epoch"] == last["epoch"]:
        assert best["miou"] == pytest.approx(mean_iou(count_pixels(pairs, found.shape[1])), abs=1e-3)


def require_the_same_of_larger_photographs(network: BaseModel, task: MemberTask) -> None:
    side = task.settings.image_size
    exact, large = (enlarged(task.validation, side, times, task.work_dir / f"times {times}") for times in (1, 3))
    first, second = (pixels_of(network, images, task.settings) for images in (exact, large))
    assert np.abs(first - second).max() < 1e-2


def require_views_mirrored_back(network: BaseModel, task: MemberTask) -> None:
    """Mirroring an image and its view gives the mirrored map; the mean of both views lies between them."""
    plain = pixels_of(network, task.validation, task.settings)
    views = [
        pixels_of(network, task.validation, task.settings, tta=TTA(flips=(flip,))) for flip in ("horizontal", "both")
    ]
    several = pixels_of(network, task.validation, task.settings, tta=TTA(flips=("none", "horizontal", "both")))
    np.testing.assert_allclose(several, np.mean([plain, *views], axis=0), atol=1e-5)
    for view in views:
        turned = view[..., ::-1]
        assert np.abs(view - plain).mean() < np.abs(turned - plain).mean()


@pytest.mark.training
def test_a_sum_of_losses_with_swa_and_multi_scale_trains_and_writes_bytes(sample: Dataset, tmp_path: Path) -> None:
    settings = {
        **FPN,
        "architecture": "unet3plus",
        "image_size": 64,
        "epochs": 2,
        "averaging": {"type": "swa", "start": 0},
        "multi_scale": {"min": 0.5, "max": 1.5},
        "losses": {
            "pixels": [{"type": "jaccard"}, {"type": "label_smoothing", "weight": 0.5}],
            "balance_classes": True,
        },
        "optimizer": {**ADAMW, "type": "adamp", "lookahead": True},
        "augmentations": [{"type": "shift_scale_rotate"}, {"type": "resize"}, {"type": "mosaic"}],
    }
    task = task_maker(sample, tmp_path, settings)()
    train_member(task, ignore)
    network = load_member(task)
    assert all(torch.isfinite(tensor).all() for tensor in network.state_dict().values())
    assert isinstance(task.settings, SMP)
    write_pixels(network, task.validation, task.settings, NO_CACHE, tmp_path / "member.npy")
    written = read_probabilities(tmp_path / "member.npy")
    assert np.abs(written.values / 255 - pixels_of(network, task.validation, task.settings)).max() < 0.003
