"""Pipelines as mmcv and mmdet really build them."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest
from mmengine.dataset import Compose

import recycle.models  # noqa: F401 - mmdet may not be imported before it
from recycle.data.image_cache import ImageCache
from recycle.data.transforms import WHOLE, inference_pipeline, longest_side_needed, training_pipeline
from recycle.recipe import Augmentation, Colour, HorizontalFlip, Resize, Rotate90, VerticalFlip
from tests.recipes import required_of

WIDTH, HEIGHT = 60, 40
BOX = (10, 5, 16, 9)
SAME_SIZE = Resize(type="resize")
ALWAYS_LEFT_RIGHT = HorizontalFlip(type="horizontal_flip", probability=1)
ALWAYS_UP_DOWN = VerticalFlip(type="vertical_flip", probability=1)


@pytest.fixture
def sample(tmp_path: Path) -> dict[str, Any]:
    """A dark image with a red box, of label 1, and a crowd over all of it."""
    pixels = np.full((HEIGHT, WIDTH, 3), 20, np.uint8)
    x1, y1, x2, y2 = BOX
    pixels[y1:y2, x1:x2] = (250, 30, 10)
    PIL.Image.fromarray(pixels).save(tmp_path / "image.png")
    boxes = ((list(BOX), 1, 0), ([0, 0, WIDTH, HEIGHT], 0, 1))
    return {
        "img_path": str(tmp_path / "image.png"),
        "img_id": 7,
        "width": WIDTH,
        "height": HEIGHT,
        "instances": [{"bbox": box, "bbox_label": label, "ignore_flag": crowd} for box, label, crowd in boxes],
    }


def run(sample: dict[str, Any], augmentations: Sequence[Augmentation], size: int = WIDTH) -> dict[str, Any]:
    packed: dict[str, Any] = Compose(training_pipeline(size, augmentations))(dict(sample))
    return packed


def pixels_of(packed: dict[str, Any]) -> npt.NDArray[np.uint8]:
    """(height, width, 3) BGR."""
    image: npt.NDArray[np.uint8] = packed["inputs"].permute(1, 2, 0).numpy()
    return image


def box_of(packed: dict[str, Any]) -> list[float]:
    box: list[float] = packed["data_samples"].gt_instances.bboxes.tensor[0].tolist()
    return box


def red_extent(packed: dict[str, Any]) -> list[float]:
    rows, columns = np.nonzero(pixels_of(packed)[:, :, 2] > 135)
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


@pytest.mark.parametrize(
    ("augmentations", "box"),
    [
        ([SAME_SIZE], [10, 5, 16, 9]),
        ([SAME_SIZE, ALWAYS_LEFT_RIGHT], [44, 5, 50, 9]),
        ([SAME_SIZE, ALWAYS_UP_DOWN], [10, 31, 16, 35]),
        ([ALWAYS_UP_DOWN, SAME_SIZE, ALWAYS_LEFT_RIGHT], [44, 31, 50, 35]),
        ([SAME_SIZE, ALWAYS_LEFT_RIGHT, ALWAYS_LEFT_RIGHT], [10, 5, 16, 9]),
        ([SAME_SIZE, HorizontalFlip(type="horizontal_flip", probability=0)], [10, 5, 16, 9]),
        ([Resize(type="resize", min_factor=2, max_factor=2)], [20, 10, 32, 18]),
        ([Resize(type="resize", min_factor=2, max_factor=2), ALWAYS_LEFT_RIGHT], [88, 10, 100, 18]),
    ],
)
def test_boxes_go_where_the_pixels_go(
    sample: dict[str, Any], augmentations: Sequence[Augmentation], box: Sequence[int]
) -> None:
    packed = run(sample, augmentations)
    assert box_of(packed) == pytest.approx(list(box))
    assert red_extent(packed) == pytest.approx(list(box), abs=1)


def test_crowds_are_set_apart_and_labels_kept(sample: dict[str, Any]) -> None:
    samples = run(sample, [SAME_SIZE])["data_samples"]
    assert samples.gt_instances.labels.tolist() == [1]
    assert samples.ignored_instances.labels.tolist() == [0]
    assert samples.img_id == 7
    assert samples.ori_shape == (HEIGHT, WIDTH)


def test_an_image_without_boxes_passes(sample: dict[str, Any]) -> None:
    samples = run({**sample, "instances": []}, [SAME_SIZE, ALWAYS_LEFT_RIGHT])["data_samples"]
    assert samples.gt_instances.bboxes.tensor.shape == (0, 4)


def test_the_longer_side_is_drawn_from_the_range(sample: dict[str, Any]) -> None:
    augmentation = Resize(type="resize", min_factor=0.5, max_factor=1.5)
    np.random.seed(0)
    random.seed(0)
    shapes = [pixels_of(run(sample, [augmentation], size=120)).shape[:2] for _ in range(60)]
    longer = [max(shape) for shape in shapes]
    assert min(longer) >= 60
    assert max(longer) <= 180
    assert max(longer) - min(longer) > 60
    for height, width in shapes:
        assert height / width == pytest.approx(HEIGHT / WIDTH, abs=0.02)


@pytest.mark.parametrize("probability", [0.25, 0.5])
def test_flips_happen_as_often_as_asked(sample: dict[str, Any], probability: float) -> None:
    np.random.seed(0)
    random.seed(0)
    pipeline = Compose(
        training_pipeline(WIDTH, [SAME_SIZE, HorizontalFlip(type="horizontal_flip", probability=probability)])
    )
    flips = sum(bool(pipeline(dict(sample))["data_samples"].flip) for _ in range(300))
    assert flips / 300 == pytest.approx(probability, abs=0.08)


def test_colour_moves_pixels_but_no_boxes(sample: dict[str, Any]) -> None:
    np.random.seed(0)
    random.seed(0)
    plain = run(sample, [SAME_SIZE])
    changed = [run(sample, [SAME_SIZE, Colour(type="colour")]) for _ in range(8)]
    assert all(box_of(packed) == box_of(plain) for packed in changed)
    assert sum(not np.array_equal(pixels_of(packed), pixels_of(plain)) for packed in changed) >= 6


def test_colour_of_no_strength_changes_next_to_nothing(sample: dict[str, Any]) -> None:
    none = Colour(type="colour", brightness=0, contrast=0, saturation=0, hue=0)
    plain, same = (pixels_of(run(sample, [SAME_SIZE, *more])).astype(int) for more in ([], [none]))
    assert np.abs(plain - same).max() <= 2


def test_an_image_to_predict_is_scaled_to_fit_and_remembers_its_size(sample: dict[str, Any]) -> None:
    packed = Compose(inference_pipeline(120))(dict(sample))
    assert packed["inputs"].shape == (3, 80, 120)
    assert packed["data_samples"].ori_shape == (HEIGHT, WIDTH)
    assert packed["data_samples"].scale_factor == (2, 2)
    assert red_extent(packed) == pytest.approx([2 * side for side in BOX], abs=1)


JITTER = Resize(type="resize", min_factor=0.5, max_factor=1.5)
COLOUR = Colour(type="colour")


@pytest.mark.parametrize(
    ("augmentations", "side"),
    [
        ([SAME_SIZE], 100),
        ([JITTER], 150),
        ([ALWAYS_LEFT_RIGHT, COLOUR, JITTER, ALWAYS_UP_DOWN], 150),
        ([ALWAYS_UP_DOWN, Rotate90(type="rotate_90"), SAME_SIZE], 100),
        ([], WHOLE),
    ],
)
def test_images_are_read_as_large_as_resize_makes_them(augmentations: Sequence[Augmentation], side: int) -> None:
    assert longest_side_needed(100, augmentations) == side


def test_what_may_enlarge_a_part_sees_the_whole_photograph() -> None:
    kept = (HorizontalFlip, VerticalFlip, Rotate90, Colour, Resize)
    others = [kind for kind in get_args(get_args(Augmentation)[0]) if kind not in kept]
    for kind in others:
        name = get_args(kind.model_fields["type"].annotation)[0]
        assert longest_side_needed(100, [kind(type=name, **required_of(name)), JITTER]) == WHOLE


class Sides(ImageCache):
    """Notes how large it was asked for images."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[int] = []

    def read(self, path: Path, width: int, height: int, longest_side: int) -> npt.NDArray[np.uint8]:
        self.asked.append(longest_side)
        return super().read(path, width, height, longest_side)


def test_images_are_read_through_the_cache_no_larger_than_needed(sample: dict[str, Any]) -> None:
    cache = Sides()
    Compose(training_pipeline(30, [ALWAYS_LEFT_RIGHT, JITTER], cache))(dict(sample))
    Compose(inference_pipeline(30, cache))(dict(sample))
    assert cache.asked == [45, 30]


@pytest.mark.parametrize("augmentations", [[SAME_SIZE], [ALWAYS_UP_DOWN, JITTER, ALWAYS_LEFT_RIGHT]])
def test_boxes_of_photographs_larger_than_needed_go_where_the_pixels_go(
    sample: dict[str, Any], augmentations: Sequence[Augmentation]
) -> None:
    np.random.seed(4)
    packed = run(sample, augmentations, size=30)
    assert max(packed["inputs"].shape) <= 45
    assert box_of(packed) == pytest.approx(red_extent(packed), abs=1)
