from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recycle.data.coco import Dataset
from recycle.recipe import Model
from recycle.report.pictures import class_colour
from recycle.report.preview import preview_sheet
from recycle.training.member import MemberTask
from recycle.training.phase import remaining_phases
from tests.data.copy_paste_scenes import Picture, Shape, colour_of, write_pictures
from tests.orchestration.plans import model_with
from tests.training.conformance import parse_model

RESIZE = {"type": "resize"}
FLIP = {"type": "horizontal_flip", "probability": 1.0}
MASKS = {"family": "mask_rcnn_swin", "backbone": "efficientnet_lite0"}
ROW, BAR, TILE = 128 + 24 + 4, 48, 256 + 4
"""Heights of a row of pictures twice as wide as high and of a phase's title; width of a tile with its margin."""


@pytest.fixture
def train(tmp_path: Path) -> Dataset:
    """A picture with an object on the left, one with an object below."""
    left, below = (Shape(0, 8, 10, 40, 40),), (Shape(1, 60, 44, 40, 20),)
    return write_pictures(tmp_path / "train", [Picture(128, 64, left), Picture(128, 64, below)])


def sheet(train: Dataset, tmp_path: Path, settings: Model, pasted: tuple[int, ...] = ()) -> np.ndarray:
    task = MemberTask("member", settings, train, train.subset([]), tmp_path / "member", seed=3)
    return preview_sheet(list(remaining_phases(task)), [0], pasted)


def model(*phases: list[dict[str, Any]], **changes: Any) -> Model:
    one_epoch = [{"epochs": 1, "augmentations": augmentations} for augmentations in phases]
    return model_with(**{"image_size": 128, "epochs": len(phases), "phases": one_epoch, **changes})


def columns_showing(picture: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    near = np.abs(picture.astype(int) - colour).max(axis=2) < 30
    return np.flatnonzero(near.sum(axis=0) > 4)


def test_each_phase_shows_what_it_does(train: Dataset, tmp_path: Path) -> None:
    drawn = sheet(train, tmp_path, model([RESIZE], [RESIZE, FLIP]))
    assert drawn.shape == (2 * (BAR + ROW), 4 * TILE + 4, 3)
    first_epochs = drawn[:, 4 + TILE : 2 * TILE]
    for top, (left, right) in {BAR: (0.05, 0.4), 2 * BAR + ROW: (0.6, 0.95)}.items():
        shown = columns_showing(first_epochs[top + 24 : top + ROW], colour_of(1)) / 256
        assert left < shown.min() < shown.max() < right
    assert (drawn[:, 4 + 2 * TILE :][BAR:] == 255).all(axis=2).mean() > 0.8, "a phase of one epoch has one draw"


def test_masks_are_drawn_where_the_network_gets_them(train: Dataset, tmp_path: Path) -> None:
    settings = {"fpn_channels": 64, "head_channels": 64, "proposals": 100, "sampled_rois": 64}
    without = sheet(train, tmp_path, model([RESIZE], **settings))
    with_masks = sheet(train, tmp_path, model([RESIZE], **settings, **MASKS))
    before, after = np.s_[BAR + 24 :, 4 : TILE - 4], np.s_[BAR + 24 :, 4 + TILE : 2 * TILE - 4]
    assert np.array_equal(without[before], with_masks[before])
    assert len(columns_showing(without[after], colour_of(1))) > 40
    assert len(columns_showing(with_masks[after], colour_of(1))) == 0, "the mask lies over it"


def test_pasted_objects_are_marked_where_the_image_is_as_it_is(train: Dataset, tmp_path: Path) -> None:
    plain, marked = (sheet(train, tmp_path, model([RESIZE]), pasted) for pasted in ((), (1,)))
    changed = np.flatnonzero((plain != marked)[BAR:].any(axis=(0, 2)))
    assert changed.min() < changed.max() < TILE
    assert (plain != marked)[:BAR].any(), "the title says what the mark means"


def test_sizes_of_batches_are_in_the_title(train: Dataset, tmp_path: Path) -> None:
    fixed = sheet(train, tmp_path, model([RESIZE]))
    scaled = sheet(train, tmp_path, model([RESIZE], multi_scale={}))
    assert (fixed != scaled)[:BAR].any()
    assert np.array_equal(fixed[BAR:], scaled[BAR:])


def test_images_without_objects_and_crowds_are_shown(train: Dataset, tmp_path: Path) -> None:
    crowd = train.annotations[0].__class__(**{**vars(train.annotations[0]), "iscrowd": True})
    for annotations in ((), (crowd,)):
        dataset = Dataset(train.folder, train.categories, train.images, annotations)
        assert sheet(dataset, tmp_path, model([RESIZE])).shape == (BAR + ROW, 4 * TILE + 4, 3)


def test_label_maps_lie_over_images_and_follow_them(train: Dataset, tmp_path: Path) -> None:
    settings = {"name": "m", "family": "smp", "image_size": 128, "epochs": 1, "batch_size": 1}
    picture = sheet(train, tmp_path, parse_model({**settings, "augmentations": [RESIZE, FLIP]}))
    expected = (np.array(class_colour(0)) + np.array(colour_of(1))) / 2
    shown = columns_showing(picture[BAR + 24 :], tuple(expected.astype(int).tolist()))
    original, seen = shown[shown < TILE] - 4, shown[shown >= TILE] - TILE - 4
    assert 0 < original.min() < original.max() < 128 < seen.min() < seen.max() < 256
