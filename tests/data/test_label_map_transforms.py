"""Label maps follow their images through every augmentation."""

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from pydantic import TypeAdapter

from recycle.data.coco import Annotation, Category, Dataset, Image
from recycle.data.label_map_transforms import label_map_pipeline
from recycle.data.label_maps import encode_labels
from recycle.data.loading import DetectionImages
from recycle.data.pseudo_images import PseudoImages
from recycle.data.pseudo_labels import read_pseudo_labels, write_pseudo_labels
from recycle.data.pseudo_pixels import pseudo_pixels_document
from recycle.models import mmcv_ops
from recycle.predictions.probabilities import IGNORED
from recycle.recipe import Augmentation

mmcv_ops.install()

SIDE = 64
COLOURS = np.array([[250, 250, 250], [200, 30, 30], [30, 200, 30], [30, 30, 200]], np.uint8)
"""Of each label, RGB."""
GREY = 114
FLIP = {"type": "horizontal_flip", "probability": 1}
EVERYTHING: list[dict[str, Any]] = [
    {"type": "vertical_flip", "probability": 1},
    {"type": "rotate_90", "probability": 1},
    {"type": "random_crop", "probability": 1},
    {"type": "crop_non_empty_mask", "probability": 1, "width": 30, "height": 20},
    {"type": "random_resized_crop", "probability": 1},
    {"type": "shift_scale_rotate", "probability": 1},
    {"type": "optical_distortion", "probability": 1, "distortion": 0.3},
    {"type": "one_of", "probability": 1, "choices": [FLIP, {"type": "random_resized_crop", "probability": 0.5}]},
]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Images whose colours tell their labels; of the last label only a crowd, which is to be ignored."""
    folder = tmp_path_factory.mktemp("images")
    images: list[Image] = []
    annotations: list[Annotation] = []
    for number in (1, 2, 3, 4, 5):
        labels = drawn_labels(number)
        PIL.Image.fromarray(COLOURS[labels]).save(folder / f"{number}.png")
        images.append(Image(number, f"{number}.png", SIDE, SIDE))
        for label, mask in encode_labels(labels).items():
            box = (0.0, 0.0, float(SIDE), float(SIDE))
            annotations.append(Annotation(len(annotations), number, label, box, 1.0, label == 3, mask))
    categories = tuple(Category(label, str(label)) for label in (1, 2, 3))
    return Dataset(folder, categories, tuple(images), tuple(annotations))


def drawn_labels(seed: int) -> np.ndarray:
    blocks = np.random.default_rng(seed).integers(0, 4, (4, 4))
    return blocks.repeat(SIDE // 4, 0).repeat(SIDE // 4, 1).astype(np.uint8)


def load(dataset: Dataset, *steps: dict[str, Any], size: int = SIDE, seed: int = 0) -> DetectionImages:
    augmentations: list[Augmentation] = [TypeAdapter(Augmentation).validate_python(step) for step in steps]
    return DetectionImages(dataset, label_map_pipeline(size, augmentations), seed)


def shown(sample: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (height, width, 3) RGB and labels (height, width)."""
    pixels = sample["inputs"].numpy().transpose(1, 2, 0)[..., ::-1].astype(int)
    return pixels, sample["data_samples"].gt_sem_seg.sem_seg.numpy()[0]


def require_same(pixels: np.ndarray, labels: np.ndarray, agreement: float = 0.97) -> None:
    """Each pixel has the label of its colour, but for edges that interpolation blurs; grey ground has none."""
    distances = np.abs(pixels[..., None, :] - np.vstack([COLOURS, [GREY] * 3]).astype(int)).sum(axis=-1)
    nearest, is_sharp = distances.argmin(axis=-1), distances.min(axis=-1) < 12
    expected = np.array([0, 1, 2, IGNORED, IGNORED])[nearest]
    assert (expected == labels)[is_sharp].mean() > agreement
    assert is_sharp.mean() > 0.5


def test_labels_are_those_of_the_annotations_and_crowds_are_ignored(dataset: Dataset) -> None:
    pixels, labels = shown(load(dataset, {"type": "resize"})[0])
    assert np.array_equal(labels, np.where(drawn_labels(1) == 3, IGNORED, drawn_labels(1)))
    require_same(pixels, labels, 0.999)


@pytest.mark.parametrize("step", EVERYTHING, ids=lambda step: step["type"])
def test_labels_follow_their_pixels(dataset: Dataset, step: dict[str, Any]) -> None:
    images = load(dataset, step, {"type": "resize"})
    for index in range(len(images)):
        pixels, labels = shown(images[index])
        assert pixels.shape[:2] == labels.shape
        require_same(pixels, labels)


def test_labels_follow_through_all_of_them_and_a_mosaic(dataset: Dataset) -> None:
    steps = [*EVERYTHING[:2], EVERYTHING[5], {"type": "resize"}, {"type": "mosaic", "probability": 1}]
    images = load(dataset, *steps, seed=3)
    for index in range(len(images)):
        require_same(*shown(images[index]), agreement=0.95)


def test_ground_that_no_photograph_covers_is_ignored(dataset: Dataset) -> None:
    images = load(
        dataset, {"type": "shift_scale_rotate", "probability": 1, "shift": 0.5, "rotate": 0}, {"type": "resize"}
    )
    grounds = 0
    for index in range(len(images)):
        pixels, labels = shown(images[index])
        ground = (pixels == GREY).all(axis=-1)
        grounds += ground.sum()
        assert (labels[ground] == IGNORED).all()
    assert grounds > SIDE


def test_few_pixels_keep_their_label(dataset: Dataset) -> None:
    """Detection drops objects that hardly show; here they would become background."""
    crop = {"type": "random_crop", "probability": 1, "min_size": 0.3, "max_size": 0.3, "min_visible": 1.0}
    images = load(dataset, crop, {"type": "resize"})
    for index in range(len(images)):
        require_same(*shown(images[index]))


def test_a_crop_around_an_object_shows_some_of_it(dataset: Dataset) -> None:
    step = {"type": "crop_non_empty_mask", "probability": 1, "width": 4, "height": 4}
    images = load(dataset, step, {"type": "resize"}, size=4)
    for epoch in range(20):
        images.set_epoch(epoch)
        for index in range(len(images)):
            _, labels = shown(images[index])
            assert ((labels > 0) & (labels < IGNORED)).any()


def test_smaller_views_shrink_labels_with_their_images(dataset: Dataset) -> None:
    _, labels = shown(load(dataset, {"type": "resize"}, size=SIDE // 4)[0])
    assert np.array_equal(labels, np.where(drawn_labels(1) == 3, IGNORED, drawn_labels(1))[2::4, 2::4])


def test_one_of_several_is_drawn_by_its_probability(dataset: Dataset) -> None:
    choices = [{**FLIP, "probability": 0.9}, {"type": "vertical_flip", "probability": 0.1}]
    images = load(dataset, {"type": "one_of", "probability": 1, "choices": choices}, {"type": "resize"})
    flipped = 0
    expected = np.where(drawn_labels(1) == 3, IGNORED, drawn_labels(1))
    for epoch in range(100):
        images.set_epoch(epoch)
        _, labels = shown(images[0])
        is_horizontal = np.array_equal(labels, expected[:, ::-1])
        assert is_horizontal or np.array_equal(labels, expected[::-1])
        flipped += is_horizontal
    assert 80 <= flipped <= 98


def test_pseudo_labelled_images_stand_beside_labelled_ones_with_what_is_unsure_ignored(
    dataset: Dataset, tmp_path: Path
) -> None:
    predicted = {one.id: np.where(drawn_labels(one.id) == 2, IGNORED, drawn_labels(one.id)) for one in dataset.images}
    path = tmp_path / "pseudo.json"
    write_pseudo_labels(pseudo_pixels_document(predicted, dataset), path)
    pseudo = PseudoImages(read_pseudo_labels(path, dataset), "side_by_side", 0.5)
    resize = TypeAdapter(Augmentation).validate_python({"type": "resize"})
    images = DetectionImages(dataset, label_map_pipeline(SIDE, [resize]), 0, pseudo)
    assert len(images) == 2 * len(dataset.images)
    seen = [shown(images[index])[1] for index in range(len(dataset.images), len(images))]
    assert sorted(labels.tobytes() for labels in seen) == sorted(labels.tobytes() for labels in predicted.values())
