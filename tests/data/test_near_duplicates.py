import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recycle.data import near_duplicates
from recycle.data.near_duplicates import by_first_appearance, group_near_duplicates
from recycle.data.scan import perceptual_hash
from tests.data.small_dataset import noise

HASHES = st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 255), max_size=40)


def slow_groups(hashes: list[int], distance: int) -> list[int]:
    groups = list(range(len(hashes)))
    for i, first in enumerate(hashes):
        for j, second in enumerate(hashes[:i]):
            if (first ^ second).bit_count() <= distance:
                groups = [groups[j] if group == groups[i] else group for group in groups]
    order = list(dict.fromkeys(groups))
    return [order.index(group) for group in groups]


@settings(max_examples=60, deadline=None)
@given(hashes=HASHES, distance=st.integers(0, 30), block=st.integers(1, 9))
def test_groups_equal_those_of_a_plain_search(hashes: list[int], distance: int, block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near_duplicates, "BLOCK", block)
        groups = group_near_duplicates(np.array(hashes, np.uint64), distance)
    assert groups.tolist() == slow_groups(hashes, distance)


def test_chains_are_one_group() -> None:
    assert group_near_duplicates(np.array([0, 0xFFFF, 2**64 - 1, 0xFF], np.uint64)).tolist() == [0, 0, 1, 0]


def test_no_images_are_no_groups() -> None:
    assert group_near_duplicates(np.empty(0, np.uint64)).tolist() == []


@pytest.mark.parametrize("distance", [-1, 65])
def test_a_distance_out_of_range_is_refused(distance: int) -> None:
    with pytest.raises(ValueError, match=f"max_distance={distance}"):
        group_near_duplicates(np.zeros(2, np.uint64), distance)


def test_numbers_follow_first_appearance() -> None:
    assert by_first_appearance(np.array([7, 2, 7, 0])).tolist() == [0, 1, 0, 2]


def test_the_same_photograph_saved_anew_is_a_duplicate() -> None:
    first, other = noise(1, 200, 150), noise(2, 200, 150)
    smaller = first.resize((100, 75), PIL.Image.Resampling.BICUBIC)
    hashes = [perceptual_hash(image) for image in (first, other, smaller)]
    assert group_near_duplicates(np.array(hashes, np.uint64)).tolist() == [0, 1, 0]
