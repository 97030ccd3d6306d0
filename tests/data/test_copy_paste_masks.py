from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco_mask

from recycle.data.coco import Annotation, Category, Dataset, Image
from recycle.data.copy_paste_masks import Region, annotate, object_region, require_masks
from recycle.data.records import Segmentation
from recycle.errors import DataError
from tests.data.copy_paste_scenes import full_mask

HEIGHT, WIDTH = 9, 12
IMAGE = Image(7, "images/a.jpg", WIDTH, HEIGHT)
MASK = np.zeros((HEIGHT, WIDTH), np.bool_)
MASK[2:5, 3:9] = True
MASK[5, 3] = True


def annotation(segmentation: Segmentation | None, *, iscrowd: bool = False) -> Annotation:
    return Annotation(3, 7, 0, (1.5, 2.0, 4.0, 3.25), 13.0, iscrowd, segmentation)


def uncompressed(mask: np.ndarray) -> Segmentation:
    flat = mask.T.ravel()
    changes = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff([0, *changes.tolist(), flat.size]).tolist()
    return {"size": list(mask.shape), "counts": [0, *runs] if flat[0] else runs}


def compressed(mask: np.ndarray) -> Segmentation:
    encoded = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": list(mask.shape), "counts": encoded["counts"].decode()}


def polygons(mask: np.ndarray) -> Segmentation:
    written = annotate(annotation(None), Region.of(mask)).segmentation
    assert written is not None
    return written


@pytest.mark.parametrize("form", [uncompressed, compressed, polygons])
@given(mask=hnp.arrays(np.bool_, (HEIGHT, WIDTH)))
def test_every_form_of_a_mask_is_read(form: object, mask: np.ndarray) -> None:
    mask[4, 4] = True
    assert callable(form)
    np.testing.assert_array_equal(full_mask(annotation(form(mask)), IMAGE), mask)


def test_an_object_without_a_mask_has_the_pixels_of_its_box() -> None:
    region = object_region(annotation(None), IMAGE)
    assert (region.left, region.top, region.right, region.bottom) == (1, 2, 6, 6)
    assert region.area == 20


def test_a_mask_of_another_size_is_refused() -> None:
    with pytest.raises(DataError, match=r"a\.jpg: annotation 3: .*height and width \[9, 12\], but got \[12, 9\]"):
        object_region(annotation({"size": [12, 9], "counts": [108]}), IMAGE)


def test_a_written_box_is_the_extent_of_the_mask() -> None:
    written = annotate(annotation(None), Region.of(MASK))
    assert written.bbox == (3.0, 2.0, 6.0, 4.0)
    assert written.area == 19.0
    assert (written.id, written.image_id, written.category_id, written.iscrowd) == (3, 7, 0, False)


@given(hnp.arrays(np.bool_, (HEIGHT, WIDTH)), hnp.arrays(np.bool_, (5, 6)), st.integers(0, 6), st.integers(0, 4))
def test_regions_count_and_subtract_like_masks(mask: np.ndarray, small: np.ndarray, left: int, top: int) -> None:
    other = np.zeros_like(mask)
    other[top : top + 5, left : left + 6] = small
    region, moved = Region.of(mask), Region.of(small, left, top)
    assert region.area == mask.sum()
    assert region.common_pixels(moved) == moved.common_pixels(region) == (mask & other).sum()

    rest = region.without(moved)
    assert rest.area == (mask & ~other).sum()
    assert rest.common_pixels(moved) == 0
    assert rest.common_pixels(region) == rest.area
    assert region.area == mask.sum(), "the region itself stays as it is"


def test_objects_need_masks_and_crowds_do_not() -> None:
    def dataset(*annotations: Annotation) -> Dataset:
        return Dataset(Path("nowhere"), (Category(0, "Paper"),), (IMAGE,), annotations)

    require_masks(dataset(annotation(None, iscrowd=True)))
    require_masks(dataset(annotation(polygons(MASK))))
    with pytest.raises(DataError, match=r"images/a\.jpg: annotation 3: .*only a box; `masks_from_boxes: grabcut`"):
        require_masks(dataset(annotation(None)))
