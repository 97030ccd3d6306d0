from collections import Counter
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco_mask

from recycle.data.coco import Annotation, Dataset, read_coco
from recycle.data.synthetic import BOXES_OF_COMPETITION, mask_polygons, write_synthetic
from recycle.data.synthetic_shapes import DRAWINGS
from recycle.errors import DataError

SIZE = 96


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("synthetic")
    return read_coco(write_synthetic(folder, images=120, image_size=SIZE, seed=3), folder)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*")}


def rasterised(polygons: list[list[float]], height: int = SIZE, width: int = SIZE) -> np.ndarray:
    encoded = coco_mask.merge(coco_mask.frPyObjects(polygons, height, width))
    return np.asarray(coco_mask.decode(encoded), np.bool_)


def mask_of(annotation: Annotation) -> np.ndarray:
    assert isinstance(annotation.segmentation, list)
    return rasterised(annotation.segmentation)


def test_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    write_synthetic(tmp_path / "one", images=5, image_size=SIZE, seed=0)
    write_synthetic(tmp_path / "two", images=5, image_size=SIZE, seed=0)
    once = contents(tmp_path / "one")
    write_synthetic(tmp_path / "one", images=5, image_size=SIZE, seed=0)

    assert len(once) == 6
    assert once == contents(tmp_path / "two") == contents(tmp_path / "one")


def test_another_seed_gives_other_images_and_boxes(tmp_path: Path) -> None:
    for seed in (0, 1):
        write_synthetic(tmp_path / str(seed), images=3, image_size=SIZE, seed=seed)
    first, second = contents(tmp_path / "0"), contents(tmp_path / "1")

    assert first.keys() == second.keys()
    assert all(first[name] != second[name] for name in first)


def test_more_images_leave_the_earlier_ones_as_they_are(tmp_path: Path) -> None:
    few = read_coco(write_synthetic(tmp_path / "few", images=3, image_size=SIZE, seed=0), tmp_path / "few")
    many = read_coco(write_synthetic(tmp_path / "many", images=6, image_size=SIZE, seed=0), tmp_path / "many")

    assert few.images == many.images[:3]
    assert few.annotations == many.annotations[: len(few.annotations)]
    for image in few.images:
        assert few.path_of(image).read_bytes() == many.path_of(image).read_bytes()


@pytest.mark.parametrize("size", [64, 192, 257])
def test_images_have_the_size_asked_for(tmp_path: Path, size: int) -> None:
    dataset = read_coco(write_synthetic(tmp_path, images=2, image_size=size, seed=0), tmp_path)
    for image in dataset.images:
        pixels = cv2.imread(str(dataset.path_of(image)))
        assert pixels is not None
        assert pixels.shape == (size, size, 3)
        assert pixels.std() > 5
        assert (image.width, image.height) == (size, size)


def test_classes_come_in_the_order_of_the_labels(sample: Dataset) -> None:
    expected = (
        *("General trash", "Paper", "Paper pack", "Metal", "Glass"),
        *("Plastic", "Styrofoam", "Plastic bag", "Battery", "Clothing"),
    )
    assert sample.class_names == tuple(DRAWINGS) == expected
    assert [category.id for category in sample.categories] == list(range(10))
    assert sum(BOXES_OF_COMPETITION.values()) == 23144


def test_boxes_are_the_extents_of_masks_inside_the_image(sample: Dataset) -> None:
    for annotation in sample.annotations:
        rows, columns = np.nonzero(mask_of(annotation))
        x, y, width, height = annotation.bbox
        assert (x, y) == (columns.min(), rows.min())
        assert (x + width, y + height) == (columns.max() + 1, rows.max() + 1)
        assert x + width <= SIZE
        assert y + height <= SIZE


def test_polygons_enclose_the_recorded_area(sample: Dataset) -> None:
    for annotation in sample.annotations:
        assert isinstance(annotation.segmentation, list)
        assert all(len(polygon) >= 6 and len(polygon) % 2 == 0 for polygon in annotation.segmentation)
        assert mask_of(annotation).sum() == annotation.area > 0


def test_masks_of_an_image_do_not_overlap(sample: Dataset) -> None:
    overlaps = 0
    for annotations in sample.annotations_by_image().values():
        assert annotations
        assert np.sum([mask_of(annotation) for annotation in annotations], axis=0).max() == 1
        boxes = [annotation.bbox for annotation in annotations]
        overlaps += sum(
            abs(a[0] - b[0]) < min(a[2], b[2]) and abs(a[1] - b[1]) < min(a[3], b[3]) for a, b in pairwise(boxes)
        )
    assert overlaps > 10, "objects are meant to lie on each other"


def test_every_class_is_in_eight_images_and_counts_have_a_long_tail(sample: Dataset) -> None:
    counts = Counter(annotation.category_id for annotation in sample.annotations)
    images = Counter(label for _, label in {(each.image_id, each.category_id) for each in sample.annotations})
    share = {name: counts[label] / counts.total() for label, name in enumerate(sample.class_names)}

    assert min(images[label] for label in range(10)) >= 8
    assert max(share, key=share.__getitem__) == "Paper"
    assert "Battery" in sorted(share, key=share.__getitem__)[:2]
    assert 3.5 < counts.total() / len(sample.images) < 5.0
    for name, wanted in BOXES_OF_COMPETITION.items():
        assert share[name] == pytest.approx(wanted / 23144, abs=0.05)


def test_ten_images_show_each_class(tmp_path: Path) -> None:
    dataset = read_coco(write_synthetic(tmp_path, images=10, image_size=64, seed=11), tmp_path)
    assert {annotation.category_id for annotation in dataset.annotations} == set(range(10))


def test_sizes_run_from_small_to_large(sample: Dataset) -> None:
    sides = np.array([max(annotation.bbox[2:]) for annotation in sample.annotations]) / SIZE
    assert np.quantile(sides, 0.03) < 0.16
    assert 0.2 < np.median(sides) < 0.4
    assert np.quantile(sides, 0.97) > 0.5


@pytest.mark.parametrize(
    ("images", "image_size", "seed", "message"),
    [
        (0, 96, 0, "at least 1, but got images=0"),
        (1, 63, 0, "at least 64, but got image_size=63"),
        (1, 96, -1, "at least 0, but got seed=-1"),
    ],
)
def test_arguments_out_of_range_are_refused(
    tmp_path: Path, images: int, image_size: int, seed: int, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        write_synthetic(tmp_path, images, image_size, seed)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", DRAWINGS)
@pytest.mark.parametrize("size", [64, 200])
def test_each_drawing_is_an_object_with_ground_around_it(name: str, size: int) -> None:
    sprites = [DRAWINGS[name](np.random.default_rng(seed), size) for seed in range(4)]
    for sprite in sprites:
        assert sprite.colour.shape == (size, size, 3)
        assert 0.1 < (sprite.shape > 127).mean() < 0.8
        assert np.all(sprite.opacity <= sprite.shape)
        assert max(edge.max() for edge in (sprite.shape[0], sprite.shape[-1], *sprite.shape.T[[0, -1]])) < 128
    assert not np.array_equal(sprites[0].colour, sprites[1].colour)


@settings(deadline=None)
@given(hnp.arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_polygons_of_any_mask_enclose_exactly_its_pixels(mask: np.ndarray) -> None:
    polygons = list(mask_polygons(mask))
    rebuilt = np.zeros(mask.shape, int)
    for polygon in polygons:
        assert len(polygon) >= 4
        rebuilt += rasterised([polygon.astype(float).ravel().tolist()], *mask.shape)
    assert np.array_equal(rebuilt, mask)


def test_a_ring_is_cut_in_two() -> None:
    ring = np.ones((5, 5), np.bool_)
    ring[2, 2] = False
    assert len(list(mask_polygons(ring))) == 2
