from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from recycle.data.coco import Annotation, Dataset, Image
from recycle.data.copy_paste_masks import Region
from recycle.data.copy_paste_places import Placement, Scene, cuttable_objects, plan_placements
from recycle.errors import DataError
from recycle.recipe.copy_paste import CopyPaste
from tests.data.copy_paste_scenes import Picture, Shape, write_pictures

IMAGE = Image(1, "a.png", 40, 30)
BATTERY, CLOTHING = 1, 2


def rectangle(id_: int, left: int, top: int, width: int, height: int, *, iscrowd: bool = False) -> Annotation:
    corners = [(left, top), (left + width, top), (left + width, top + height), (left, top + height)]
    polygon = [float(number) for corner in corners for number in corner]
    bbox = float(left), float(top), float(width), float(height)
    return Annotation(id_, 1, 0, bbox, float(width * height), iscrowd, [polygon])


def block(left: int, top: int, width: int, height: int) -> Region:
    return Region.of(np.ones((height, width), np.bool_), left, top)


@pytest.mark.parametrize(
    ("left", "max_hidden", "fits"),
    [(30, 0.0, True), (9, 0.0, False), (9, 0.1, True), (8, 0.1, False), (0, 0.99, False), (1, 0.9, True)],
)
def test_at_most_the_stated_part_is_hidden(left: int, max_hidden: float, fits: bool) -> None:
    scene = Scene(IMAGE, [rectangle(1, 0, 0, 10, 10)])
    assert scene.hides_at_most(block(left, 0, 10, 10), max_hidden) == fits


def test_what_earlier_objects_hide_counts() -> None:
    scene = Scene(IMAGE, [rectangle(1, 0, 0, 10, 10)])
    scene.lay(block(8, 0, 10, 10))
    assert scene.is_covered(0)
    assert scene.visible[0].area == 80
    assert scene.hides_at_most(block(0, 9, 8, 3), 0.3)
    assert not scene.hides_at_most(block(0, 8, 8, 3), 0.3)
    assert not scene.hides_at_most(block(14, 0, 4, 10), 0.3), "objects that were pasted are not to be hidden either"


def test_nothing_may_lie_on_a_crowd_or_on_a_mask_without_a_pixel() -> None:
    crowd, sliver = rectangle(1, 0, 0, 10, 10, iscrowd=True), rectangle(2, 20, 20, 5, 5)
    flat = Annotation(2, 1, 0, sliver.bbox, 0.0, False, [[20.0, 20.0, 20.0, 20.0, 20.0, 20.0]])
    scene = Scene(IMAGE, [crowd, flat])
    assert scene.hides_at_most(block(10, 0, 10, 20), 0.9)
    assert not scene.hides_at_most(block(9, 0, 10, 10), 0.9)
    assert not scene.hides_at_most(block(24, 24, 5, 5), 0.9)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Six pictures; a battery in the first, clothes in the second and a tiny piece of clothing in the third."""
    shapes = [(Shape(BATTERY, 5, 5, 12, 8),), (Shape(CLOTHING, 20, 10, 16, 16, True),), (Shape(CLOTHING, 2, 2, 4, 4),)]
    empty = Picture(40, 40)
    pictures = [Picture(50, 40, each) for each in shapes] + [empty] * 3
    return write_pictures(tmp_path_factory.mktemp("pictures"), pictures)


def plan(
    dataset: Dataset, additions: dict[int, int], seed: int = 0, settings: CopyPaste | None = None
) -> list[Placement]:
    settings = settings or CopyPaste(additions="median", min_area=20)
    objects = {each.id: cuttable_objects(dataset, each.id, settings.min_area) for each in dataset.categories}
    return plan_placements(dataset, objects, additions, settings, seed)


def test_only_objects_that_are_large_enough_and_no_crowds_are_cut(dataset: Dataset) -> None:
    assert list(cuttable_objects(dataset, CLOTHING, 20)) == [2]
    assert list(cuttable_objects(dataset, CLOTHING, 16)) == [2, 3]
    assert cuttable_objects(dataset, BATTERY, 97) == {}
    crowds = [Annotation(1, 1, BATTERY, (0.0, 0.0, 20.0, 20.0), 400.0, True, None)]
    assert cuttable_objects(Dataset(Path(), dataset.categories, dataset.images, tuple(crowds)), BATTERY, 1) == {}


def test_additions_are_spread_over_other_images(dataset: Dataset) -> None:
    placements = plan(dataset, {BATTERY: 9, CLOTHING: 3})
    assert Counter(each.annotation_id for each in placements) == {1: 9, 2: 3}
    assert max(Counter(each.image_id for each in placements).values()) <= 3
    assert len({each.image_id for each in placements}) == 6
    assert all((each.annotation_id, each.image_id) not in {(1, 1), (2, 2)} for each in placements)


def test_the_seed_decides_and_the_order_of_dicts_does_not(dataset: Dataset) -> None:
    first = plan(dataset, {BATTERY: 4, CLOTHING: 5})
    assert first == plan(dataset, {CLOTHING: 5, BATTERY: 4})
    assert first != plan(dataset, {BATTERY: 4, CLOTHING: 5}, seed=1)


def test_appearances_are_drawn_from_the_settings(dataset: Dataset) -> None:
    drawn = [each.appearance for each in plan(dataset, {BATTERY: 30})]
    assert all(0.7 <= each.scale <= 1.3 for each in drawn)
    assert len({each.scale for each in drawn}) == 30
    assert {each.flip for each in drawn} == {True, False}
    settings = CopyPaste(
        additions="median", min_area=20, min_scale=1, max_scale=1, flip_probability=0, blending=("none", "seamless")
    )
    fixed = [each.appearance for each in plan(dataset, {BATTERY: 20}, settings=settings)]
    assert {(each.scale, each.flip) for each in fixed} == {(1.0, False)}
    assert {each.blending for each in fixed} == {"none", "seamless"}


def test_an_object_larger_than_the_image_shrinks_to_fit(tmp_path: Path) -> None:
    large = Picture(90, 80, (Shape(BATTERY, 0, 0, 90, 80),))
    dataset = write_pictures(tmp_path, [large, Picture(40, 60)])
    (placement,) = plan(dataset, {BATTERY: 1})
    assert placement.appearance.scale == pytest.approx(40 / 92)


@pytest.mark.parametrize(
    ("pictures", "additions"),
    [
        ([Picture(50, 40, (Shape(BATTERY, 5, 5, 12, 8),))], 1),
        ([Picture(50, 40, (Shape(BATTERY, 0, 0, 50, 40),)), Picture(50, 40)], 2),
    ],
    ids=["no other image", "no room"],
)
def test_additions_without_a_place_are_an_error(tmp_path: Path, pictures: list[Picture], additions: int) -> None:
    dataset = write_pictures(tmp_path, pictures)
    settings = CopyPaste(additions="median", min_area=20, min_scale=1.0, max_hidden=0.3)
    with pytest.raises(DataError, match=rf"'Battery'.*addition {additions} .*max_hidden=0\.3.*ask for fewer"):
        plan(dataset, {BATTERY: additions}, settings=settings)
