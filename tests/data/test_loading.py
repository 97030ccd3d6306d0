import shutil
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from torch import Tensor
from torch.utils.data import DataLoader

import recycle.models  # noqa: F401 - mmdet may not be imported before it
from recycle.data.coco import Dataset, read_coco
from recycle.data.loading import DetectionImages, seed_everything
from recycle.data.transforms import training_pipeline
from recycle.recipe import Augmentation, Colour, HorizontalFlip, Resize, VerticalFlip
from tests.data.small_dataset import write_dataset

AUGMENTATIONS: tuple[Augmentation, ...] = (
    Resize(type="resize", min_factor=0.5, max_factor=2),
    HorizontalFlip(type="horizontal_flip"),
    Colour(type="colour"),
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("data") / "small"
    return read_coco(write_dataset(folder), folder)


def images_of(dataset: Dataset, seed: int = 1, epoch: int = 0) -> DetectionImages:
    images = DetectionImages(dataset, training_pipeline(48, AUGMENTATIONS), seed)
    images.set_epoch(epoch)
    return images


def inputs(images: DetectionImages, order: Sequence[int] = (0, 1, 2)) -> dict[int, Tensor]:
    return {index: images[index]["inputs"] for index in order}


def are_equal(one: dict[int, Tensor], other: dict[int, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[index], other[index]) for index in one)


def test_samples_hold_images_and_boxes_with_labels(dataset: Dataset) -> None:
    images = DetectionImages(dataset, training_pipeline(48, [Resize(type="resize")]), seed=0)
    assert len(images) == 3
    assert images.metainfo == {"classes": ("Paper", "Glass")}
    sample = images[0]["data_samples"]
    assert sample.img_id == 1
    assert sample.gt_instances.bboxes.tensor.tolist() == [[4, 4, 14, 14], [20.5, 8, 32.5, 16]]
    assert sample.gt_instances.labels.tolist() == [0, 1]


def test_masks_are_polygons_run_lengths_or_boxes_in_place_of_missing_ones(dataset: Dataset) -> None:
    polygon = [[4.0, 4.0, 14.0, 4.0, 4.0, 14.0]]
    counts = [32 * 21, 8, 24, 8, 32 * 48 - 32 * 21 - 40]  # columns 21 and 22, their upper eight rows
    held = (polygon, {"size": [32, 48], "counts": counts}, None)
    annotations = tuple(
        replace(annotation, segmentation=mask) for annotation, mask in zip(dataset.annotations, held, strict=False)
    )
    images = DetectionImages(
        replace(dataset, annotations=annotations), training_pipeline(48, [Resize(type="resize")], with_masks=True), 0
    )
    triangle, run_lengths = images[0]["data_samples"].gt_instances.masks.masks
    assert triangle[5, 5] == 1
    assert triangle[13, 13] == 0
    assert 40 < triangle.sum() < 70  # half of its box of 100 pixels
    assert np.argwhere(run_lengths).tolist() == [[row, column] for row in range(8) for column in (21, 22)]
    assert images[1]["data_samples"].gt_instances.masks.masks.all()  # the box fills the image


@pytest.mark.parametrize(
    "flip",
    [HorizontalFlip(type="horizontal_flip", probability=1), VerticalFlip(type="vertical_flip", probability=1)],
)
def test_masks_follow_their_boxes(dataset: Dataset, flip: Augmentation) -> None:
    pipeline = training_pipeline(96, [Resize(type="resize"), flip], with_masks=True)
    instances = DetectionImages(dataset, pipeline, 0)[0]["data_samples"].gt_instances
    for box, mask in zip(instances.bboxes.tensor, instances.masks.masks, strict=True):
        rows, columns = np.nonzero(mask)
        found = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert np.abs(np.array(found) - box.numpy()).max() <= 1
    assert instances.masks.masks.shape == (2, 64, 96)


def test_draws_do_not_depend_on_the_order_nor_on_what_was_drawn_before(dataset: Dataset) -> None:
    expected = inputs(images_of(dataset))
    torch.rand(5)
    again = images_of(dataset)
    assert are_equal(inputs(again, (2, 0, 1, 1)), expected)
    assert are_equal(inputs(again), expected)


def test_each_image_has_draws_of_its_own(dataset: Dataset) -> None:
    shapes = {image.shape for epoch in range(3) for image in inputs(images_of(dataset, epoch=epoch)).values()}
    assert len(shapes) > 6  # of nine; images that shared their draws would show three


@pytest.mark.parametrize(("seed", "epoch"), [(2, 0), (1, 1), (0, 1)])
def test_another_seed_or_epoch_draws_anew(dataset: Dataset, seed: int, epoch: int) -> None:
    assert not are_equal(inputs(images_of(dataset)), inputs(images_of(dataset, seed, epoch)))


def test_an_epoch_that_comes_again_draws_the_same(dataset: Dataset) -> None:
    images = images_of(dataset, epoch=3)
    expected = inputs(images)
    images.set_epoch(4)
    assert not are_equal(inputs(images), expected)
    images.set_epoch(3)
    assert are_equal(inputs(images), expected)


@pytest.mark.filterwarnings("ignore:This DataLoader will create 3 worker processes")
@pytest.mark.parametrize("workers", [0, 1, 3])
def test_worker_processes_draw_the_same_and_learn_of_new_epochs(dataset: Dataset, workers: int) -> None:
    images = deepcopy(images_of(dataset))  # as mmengine's Runner does
    loader = DataLoader(
        images, batch_size=1, num_workers=workers, collate_fn=pseudo_collate, persistent_workers=workers > 0
    )
    for epoch in (0, 5):
        images.set_epoch(epoch)
        loaded = {index: batch["inputs"][0] for index, batch in enumerate(loader)}
        assert are_equal(loaded, inputs(images_of(dataset, epoch=epoch)))


@pytest.mark.parametrize("workers", [0, 2])
def test_the_same_photograph_is_drawn_anew_by_every_worker_each_time(
    dataset: Dataset, tmp_path: Path, workers: int
) -> None:
    first = dataset.images[0]
    images = tuple(replace(first, id=number, file_name=f"{number}.jpg") for number in range(4))
    for image in images:
        shutil.copy(dataset.path_of(first), tmp_path / image.file_name)
    copies = replace(dataset, folder=tmp_path, images=images, annotations=())
    loader = DataLoader(images_of(copies), batch_size=1, num_workers=workers, collate_fn=pseudo_collate)
    drawn = [batch["inputs"][0].numpy().tobytes() for batch in loader]
    assert len(set(drawn)) == 4


def test_a_subset_draws_by_position(dataset: Dataset) -> None:
    part = images_of(dataset.subset([1, 2]))
    assert len(part) == 2
    assert torch.equal(part[0]["inputs"], images_of(dataset)[0]["inputs"])


def test_equal_keys_seed_equally() -> None:
    drawn = []
    for key in ((1, 2), (1, 2), (2, 1), (1,)):
        seed_everything(key)
        drawn.append(float(torch.rand(1)))
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) == 3


def test_the_data_set_is_not_changed_by_loading(dataset: Dataset, tmp_path: Path) -> None:
    before = dataset.to_coco()
    inputs(images_of(dataset))
    assert dataset.to_coco() == before
