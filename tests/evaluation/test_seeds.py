import pytest
from scipy import stats

from recycle.evaluation.seeds import compare_seeds


def test_the_interval_is_welch_s() -> None:
    compared = compare_seeds([0.5, 0.52, 0.54], [0.4, 0.45, 0.41])
    expected = stats.ttest_ind([0.5, 0.52, 0.54], [0.4, 0.45, 0.41], equal_var=False)
    low, high = expected.confidence_interval(0.95)
    assert compared.difference == pytest.approx(0.1)
    assert (compared.interval.low, compared.interval.high) == pytest.approx((low, high))


@pytest.mark.parametrize(
    ("scores", "others", "verdict"),
    [
        ([0.5, 0.51, 0.52], [0.3, 0.31, 0.32], "better"),
        ([0.3, 0.31, 0.32], [0.5, 0.51, 0.52], "worse"),
        ([0.3, 0.5, 0.4], [0.35, 0.45, 0.3], "not told apart"),
        ([0.3, 0.3], [0.3, 0.3], "not told apart"),
        ([0.4, 0.4], [0.3, 0.3], "better"),
    ],
)
def test_better_needs_an_interval_without_zero(scores: list[float], others: list[float], verdict: str) -> None:
    assert compare_seeds(scores, others).interval.verdict == verdict


def test_one_score_says_nothing() -> None:
    with pytest.raises(ValueError, match="at least two scores of each, but got 1 and 2"):
        compare_seeds([0.1], [0.2, 0.3])
