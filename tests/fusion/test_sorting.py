from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recycle.fusion.sorting import ascending_order, stable_order


@given(st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0, 7.0])))
def test_scores_ascend_and_equal_ones_keep_their_order(scores: list[float]) -> None:
    column = np.array(scores, np.float64)
    np.testing.assert_array_equal(ascending_order(column), np.argsort(column, kind="stable"))


@given(st.lists(st.integers(0, 5)), st.randoms())
def test_rows_of_one_key_keep_their_order(keys: list[int], random: Random) -> None:
    order = list(range(len(keys)))
    random.shuffle(order)
    expected = sorted(order, key=keys.__getitem__)
    assert stable_order(np.array(keys, np.int64), np.array(order, np.int64), 6).tolist() == expected
