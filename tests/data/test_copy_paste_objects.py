import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recycle.data.copy_paste_masks import Region
from recycle.data.copy_paste_objects import Appearance, paste_object, transformed_mask
from recycle.recipe.copy_paste import Blending

RED, BLUE, GROUND = (0, 0, 255), (255, 0, 0), (40, 50, 60)
BLENDINGS: tuple[Blending, ...] = ("none", "gaussian", "seamless")


def source() -> tuple[npt.NDArray[np.uint8], Region]:
    """An L of 12x16 pixels whose left half is red and right half blue, and its pixels; all around is white."""
    mask = np.zeros((40, 50), np.bool_)
    mask[10:26, 20:26] = True
    mask[20:26, 26:32] = True
    picture = np.full((40, 50, 3), 255, np.uint8)
    picture[mask] = RED
    picture[20:26, 26:32] = BLUE
    return picture, Region.of(mask)


def canvas() -> npt.NDArray[np.uint8]:
    return np.full((60, 70, 3), GROUND, np.uint8)


def is_colour(picture: npt.NDArray[np.uint8], colour: tuple[int, int, int]) -> npt.NDArray[np.bool_]:
    return np.asarray((picture == np.array(colour)).all(axis=2))


@pytest.mark.parametrize("place", [(0, 0), (20, 10), (58, 44)])
@pytest.mark.parametrize("flip", [False, True])
def test_a_plain_paste_moves_exactly_the_pixels_of_the_object(place: tuple[int, int], flip: bool) -> None:
    picture, (cut, region) = canvas(), source()
    pasted = paste_object(picture, cut, region, Appearance(1.0, flip, "none"), place)

    assert (pasted.left, pasted.top, pasted.right, pasted.bottom) == (*place, place[0] + 12, place[1] + 16)
    expected = canvas()
    crop = cut[10:26, 20:32][:, ::-1] if flip else cut[10:26, 20:32]
    mask = region.mask[:, ::-1] if flip else region.mask
    expected[pasted.top : pasted.bottom, pasted.left : pasted.right][mask] = crop[mask]
    np.testing.assert_array_equal(picture, expected)
    np.testing.assert_array_equal(pasted.mask, mask)


@pytest.mark.parametrize("scale", [0.5, 2.0, 3.0])
def test_size_and_colours_follow_the_scale(scale: float) -> None:
    picture, (cut, region) = canvas(), source()
    pasted = paste_object(picture, cut, region, Appearance(scale, True, "none"), (3, 5))

    assert pasted.mask.shape == (16 * scale, 12 * scale)
    assert pasted.area == pytest.approx(region.area * scale**2, rel=0.01)  # corners are rounded
    middle = int(3 * scale)
    assert is_colour(picture, BLUE)[5 + int(13 * scale), 3 + middle]
    assert is_colour(picture, RED)[5 + middle, 3 + int(9 * scale)]


@given(st.floats(0.3, 3.0), st.booleans(), st.sampled_from(BLENDINGS), st.integers(0, 70), st.integers(0, 60))
def test_what_is_pasted_is_what_was_planned(scale: float, flip: bool, blending: Blending, left: int, top: int) -> None:
    picture, (cut, region) = canvas(), source()
    appearance = Appearance(scale, flip, blending)
    planned = transformed_mask(region, appearance)
    place = min(left, 70 - planned.shape[1]), min(top, 60 - planned.shape[0])
    pasted = paste_object(picture, cut, region, appearance, place)

    np.testing.assert_array_equal(pasted.mask, planned)
    assert (pasted.left, pasted.top) == place
    assert planned.any(axis=0).all()
    assert planned.any(axis=1).all()
    changed = (picture != np.array(GROUND)).any(axis=2)
    near = np.zeros_like(changed)
    near[max(0, pasted.top - 4) : pasted.bottom + 4, max(0, pasted.left - 4) : pasted.right + 4] = True
    assert changed[pasted.top : pasted.bottom, pasted.left : pasted.right][planned].any()
    assert not changed[~near].any()


@pytest.mark.parametrize("blending", BLENDINGS)
def test_the_inside_of_an_object_keeps_its_contrast(blending: Blending) -> None:
    picture, (cut, region) = canvas(), source()
    paste_object(picture, cut, region, Appearance(2.0, False, blending), (20, 20))
    red, blue = picture[30, 26].astype(int), picture[46, 38].astype(int)
    assert red[2] - blue[2] > 50
    assert blue[0] - red[0] > 50


def test_a_softened_edge_lies_between_object_and_ground() -> None:
    plain, soft = canvas(), canvas()
    cut, region = source()
    cut[~np.pad(region.mask, ((10, 14), (20, 18)))] = RED
    for picture, blending in ((plain, BLENDINGS[0]), (soft, BLENDINGS[1])):
        paste_object(picture, cut, region, Appearance(1.0, False, blending), (20, 20))
    row = soft[25, 17:24, 2].astype(int)
    assert (np.diff(row) >= 0).all()
    assert GROUND[2] < row[2] < row[3] < RED[2]
    assert plain[25, 19, 2] == GROUND[2]


def test_nothing_is_left_of_an_object_that_is_too_thin() -> None:
    hair = Region.of(np.eye(40, dtype=np.bool_))
    assert transformed_mask(hair, Appearance(0.1, False, "none")).size == 0
